import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { randomBytes } from 'node:crypto';
import { testEngines } from '../testing/index.ts';

const url = testEngines().clickhouseUrl;
const database = `http_${randomBytes(6).toString('hex')}`;
let client: ClickHouseClient;

beforeAll(async () => {
  const admin = createClient({ url });
  await admin.command({ query: `CREATE DATABASE ${database}` });
  await admin.close();
  client = createClient({ url, database });
});

afterAll(async () => {
  await client.command({ query: `DROP DATABASE ${database}` });
  await client.close();
});

async function rows<T>(
  query: string,
  more: { query_params?: Record<string, unknown>; clickhouse_settings?: Record<string, string | number> } = {},
): Promise<T[]> {
  return (await client.query({ query, format: 'JSONEachRow', ...more })).json<T>();
}

async function newTable(columns: string, tail = 'ENGINE = MergeTree ORDER BY tuple()'): Promise<string> {
  const table = `t_${randomBytes(4).toString('hex')}`;
  await client.command({ query: `CREATE TABLE ${table} (${columns}) ${tail}` });
  return table;
}

describe('statements', () => {
  test('a ping is answered', async () => {
    expect(await client.ping()).toEqual({ success: true });
  });

  test('JSON answers are whole documents', async () => {
    const answer = await (await client.query({ query: 'SELECT number AS n FROM numbers(3)', format: 'JSON' })).json();
    expect(answer).toMatchObject({ rows: 3, data: [{ n: 0 }, { n: 1 }, { n: 2 }] });
  });

  test('a database of the connection is where unqualified names are looked up', async () => {
    expect(await rows('SELECT currentDatabase() AS db')).toEqual([{ db: database }]);
  });

  test('the statement may come in the URL or in the body', async () => {
    const inUrl = await fetch(`${url}/?query=${encodeURIComponent('SELECT 1 + 1')}`);
    expect(await inUrl.text()).toBe('2\n');
    const inBody = await fetch(url, { method: 'POST', body: 'SELECT 1 + 1 FORMAT CSV' });
    expect(await inBody.text()).toBe('2\n');
  });

  test('a query id is the one asked for, else a new one', async () => {
    const { query_id: asked } = await client.query({ query: 'SELECT 1', query_id: 'mine-1' });
    expect(asked).toBe('mine-1');
    const answer = await fetch(`${url}/?query=SELECT+1`);
    expect(answer.headers.get('x-clickhouse-query-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('settings and parameters', () => {
  test('a setting holds for its statement only', async () => {
    const query = "SELECT getSetting('max_block_size') AS size";
    expect(await rows(query, { clickhouse_settings: { max_block_size: '1234' } })).toEqual([{ size: 1234 }]);
    const after = await Promise.all(Array.from({ length: 12 }, () => rows<{ size: number }>(query)));
    for (const answer of after) expect(answer[0]?.size).not.toBe(1234);
  });

  test('parameters carry any text, null, arrays and big numbers', async () => {
    const text = "tab\there, line\nbreak, quote ' and back\\slash, ünïcode";
    const answer = await rows(
      'SELECT {s:String} AS s, {n:Nullable(String)} AS n, {a:Array(String)} AS a, toString({b:UInt64}) AS b',
      {
        query_params: { s: text, n: null, a: ['x', "it's"], b: '18446744073709551615' },
      },
    );
    expect(answer).toEqual([{ s: text, n: null, a: ['x', "it's"], b: '18446744073709551615' }]);
  });

  test('an unknown setting is refused by name', async () => {
    await expect(rows('SELECT 1', { clickhouse_settings: { no_such_setting: 1 } })).rejects.toThrow(/no_such_setting/);
  });
});

describe('inserts', () => {
  test('rows come back as they were, and the summary counts them', async () => {
    const table = await newTable('id UInt64, name String');
    const values = [
      { id: '1', name: 'plain' },
      { id: '18446744073709551615', name: 'tab\t and "quotes"' },
    ];
    const { summary } = await client.insert({ table, values, format: 'JSONEachRow' });
    expect(summary).toMatchObject({ written_rows: '2' });
    expect(await rows(`SELECT toString(id) AS id, name FROM ${table} ORDER BY name = 'plain' DESC`)).toEqual(values);
  });

  test('columns may be chosen, names be qualified, a stream be given', async () => {
    const table = await newTable("id UInt32, name String DEFAULT 'none'");
    await client.insert({
      table: `${database}.${table}`,
      columns: ['id'],
      values: [[7]],
      format: 'JSONCompactEachRow',
    });
    expect(await rows(`SELECT * FROM ${table}`)).toEqual([{ id: 7, name: 'none' }]);
  });

  test('compressed bodies are read, compressed answers sent', async () => {
    const gzip = createClient({ url, database, compression: { request: true, response: true } });
    const table = await newTable('id UInt32');
    await gzip.insert({ table, values: Array.from({ length: 5000 }, (_, id) => ({ id })), format: 'JSONEachRow' });
    const whole = await (
      await gzip.query({ query: `SELECT sum(id) AS s FROM ${table}`, format: 'JSON' })
    ).json<{ s: number }>();
    expect(whole.data).toEqual([{ s: 12497500 }]);
    const streamed = await (await gzip.query({ query: `SELECT id FROM ${table}`, format: 'JSONEachRow' })).json();
    expect(streamed).toHaveLength(5000);
    await gzip.close();
  });

  test('INSERT with values in its text, and INSERT … SELECT', async () => {
    const table = await newTable('id UInt32');
    await client.command({ query: `INSERT INTO ${table} VALUES (1), (2)` });
    await client.command({ query: `INSERT INTO ${table} SELECT number + 10 FROM numbers(3)` });
    expect(await rows(`SELECT count() AS n FROM ${table}`)).toEqual([{ n: 5 }]);
  });

  test('a repeated insert with the same deduplication token adds nothing', async () => {
    const table = await newTable(
      'id UInt32',
      'ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100',
    );
    for (let time = 0; time < 2; time += 1) {
      await client.insert({
        table,
        values: [{ id: 1 }],
        format: 'JSONEachRow',
        clickhouse_settings: { insert_deduplication_token: 'batch-1' },
      });
    }
    expect(await rows(`SELECT count() AS n FROM ${table}`)).toEqual([{ n: 1 }]);
  });

  test('a malformed row is an error with its code, and nothing of it is kept', async () => {
    const table = await newTable('id UInt32');
    const answer = await fetch(
      `${url}/?database=${database}&query=${encodeURIComponent(`INSERT INTO ${table} FORMAT JSONEachRow`)}`,
      {
        method: 'POST',
        body: '{"id": "not a number"}\n',
      },
    );
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(Number(answer.headers.get('x-clickhouse-exception-code'))).toBeGreaterThan(0);
    expect(await rows(`SELECT count() AS n FROM ${table}`)).toEqual([{ n: 0 }]);
  });
});

describe('answers', () => {
  test('a large answer arrives row by row and whole', async () => {
    const answer = await client.query({ query: 'SELECT number AS n FROM numbers(300000)', format: 'JSONEachRow' });
    let count = 0;
    let last = -1;
    for await (const batch of answer.stream<{ n: number }>()) {
      for (const row of batch) {
        count += 1;
        last = row.json().n;
      }
    }
    expect({ count, last }).toEqual({ count: 300_000, last: 299_999 });
  });

  test('a reader that goes away frees its session', async () => {
    for (let time = 0; time < 8; time += 1) {
      const answer = await client.query({ query: 'SELECT number FROM numbers(50000000)', format: 'JSONEachRow' });
      answer.close();
    }
    expect(await rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('errors name their code and type', async () => {
    await expect(rows('SELECT * FROM no_such_table')).rejects.toMatchObject({ code: '60', type: 'UNKNOWN_TABLE' });
    await expect(rows('SELEC 1')).rejects.toMatchObject({ code: '62' });
    const missing = createClient({ url, database: 'no_such_database' });
    await expect(missing.query({ query: 'SELECT 1' })).rejects.toMatchObject({ code: '81' });
    await missing.close();
    expect(await rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('more statements than sessions wait their turn', async () => {
    const many = createClient({ url, database, max_open_connections: 40 });
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, i) =>
        (await many.query({ query: `SELECT ${i} AS i, sleep(0.05)`, format: 'JSONEachRow' })).json<{ i: number }>(),
      ),
    );
    expect(answers.map(([row]) => row?.i)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    await many.close();
  });
});
