import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { CaptureHarness, ChildCapture, canMakeDisks, eventually } from '../testing/index.ts';
import type { PlainReader, RunningCapture } from '../testing/index.ts';

let harness: CaptureHarness;
let capture: RunningCapture;
beforeAll(async () => {
  harness = await CaptureHarness.open();
  // Every change is sent at once, whatever the size of its transaction.
  await sendEverythingAtOnce(harness);
  capture = await harness.start();
}, 60_000);
afterAll(() => harness.close(), 60_000);

const sendEverythingAtOnce = ({ sql, database }: CaptureHarness) =>
  sql.query(`alter database ${database.name} set debug_logical_replication_streaming = 'immediate'`);

async function connect(to: CaptureHarness): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: to.database.url });
  await client.connect();
  to.onClose(() => client.end());
  return client;
}

const insertTag = (client: pg.Client, name: string) =>
  client.query('insert into commerce.tags (name) values ($1)', [name]);

const tagNames = (reader: PlainReader, prefix: string): string[] =>
  reader.changes
    .filter(({ table, op }) => table === 'tags' && op === 'c')
    .map(({ after }) => String(after?.['name']))
    .filter((name) => name.startsWith(prefix));

const metric = async (name: string): Promise<number> => {
  const values = (await capture.metrics.getSingleMetric(name)?.get())?.values ?? [];
  return values.reduce((sum, { value }) => sum + value, 0);
};

describe('transactions that are sent before their end', () => {
  test('nothing of one is seen before it commits; others that commit meanwhile come first', async () => {
    const [long, other] = [await connect(harness), await connect(harness)];
    await long.query('begin');
    for (let n = 1; n <= 5; n++) await insertTag(long, `a-long-${n}`);
    await insertTag(other, 'a-other');
    const reader = harness.reader();
    await eventually(async () => (await metric('millrace_capture_spool_bytes')) > 0);
    await reader.reached(await harness.positionNow());
    expect(tagNames(reader, 'a-')).toEqual(['a-other']);
    await insertTag(long, 'a-long-6');
    await long.query('commit');
    await reader.reached(await harness.positionNow());
    expect(tagNames(reader, 'a-')).toEqual(['a-other', ...[1, 2, 3, 4, 5, 6].map((n) => `a-long-${n}`)]);
    const rows = reader.changes.filter(({ after }) => String(after?.['name']).startsWith('a-long'));
    expect(new Set(rows.map(({ lsn, txid, tsUs }) => `${lsn} ${txid} ${tsUs}`)).size).toBe(1);
    expect(rows.map(({ ordinal }) => ordinal)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(reader.problems).toEqual([]);
    expect(await metric('millrace_capture_spool_bytes')).toBe(0);
  }, 60_000);

  test('what was rolled back, in whole or in part, is in no topic', async () => {
    const client = await connect(harness);
    const aborted = await metric('millrace_capture_streamed_transactions_total');
    await client.query('begin');
    await insertTag(client, 'b-gone');
    await client.query('rollback');
    await eventually(async () => (await metric('millrace_capture_streamed_transactions_total')) > aborted);
    await client.query('begin');
    await insertTag(client, 'b-1');
    await client.query('savepoint one');
    await insertTag(client, 'b-gone-too');
    await client.query('savepoint two');
    await insertTag(client, 'b-gone-with-it');
    await client.query('release two');
    await client.query('rollback to one');
    await insertTag(client, 'b-2');
    await client.query('commit');
    const reader = harness.reader();
    await reader.reached(await harness.positionNow());
    expect(tagNames(reader, 'b-')).toEqual(['b-1', 'b-2']);
    expect(reader.problems).toEqual([]);
  }, 60_000);

  test('changes of every kind: updates, deletes, truncates, unchanged large values, messages', async () => {
    const client = await connect(harness);
    const [before, ...rest] = ['c-1', 'c-2', 'c-3'];
    await insertTag(client, before);
    await client.query(
      `insert into commerce.products (sku, name, base_price, description)
       select 'c-large', 'large', 1, string_agg(md5(n::text), '') from generate_series(1, 1000) n`,
    );
    await client.query('begin');
    for (const name of rest) await insertTag(client, name);
    await client.query(`update commerce.tags set name = name || '!' where name like 'c-%'`);
    await client.query(`delete from commerce.tags where name = 'c-2!'`);
    await client.query(`select pg_logical_emit_message(true, 'someone.elses', 'content')`);
    await client.query('truncate commerce.reviews');
    await client.query(`update commerce.products set base_price = 2 where sku = 'c-large'`);
    await client.query('commit');
    const reader = harness.reader();
    await reader.reached(await harness.positionNow());
    expect(reader.problems).toEqual([]);
    const lsn = reader.changes.findLast(({ table }) => table === 'products')?.lsn;
    const ops = reader.changes.filter((change) => change.lsn === lsn).toSorted((a, b) => a.ordinal - b.ordinal);
    // A truncate is in both partitions of its topic.
    expect(ops.map(({ op, table }) => `${op} ${table}`)).toEqual([
      ...['c tags', 'c tags', 'u tags', 'u tags', 'u tags', 'd tags', 't reviews', 't reviews', 'u products'],
    ]);
    expect(ops.at(-1)?.after?.['description']).toEqual(expect.any(Symbol));
  }, 60_000);

  test('a column added inside one is in the changes after it, there and elsewhere, not in those before', async () => {
    const client = await connect(harness);
    await client.query('begin');
    await insertTag(client, 'd-1');
    await insertTag(client, 'd-2');
    await client.query('alter table commerce.tags add column colour text');
    await client.query(`insert into commerce.tags (name, colour) values ('d-3', '#0f0')`);
    await client.query('commit');
    await client.query(`insert into commerce.tags (name, colour) values ('d-4', '#00f')`);
    const reader = harness.reader();
    await reader.reached(await harness.positionNow());
    expect(tagNames(reader, 'd-')).toEqual(['d-1', 'd-2', 'd-3', 'd-4']);
    const rows = reader.changes.flatMap(({ after }) => (String(after?.['name']).startsWith('d-') ? [after] : []));
    expect(rows.map((row) => row?.['colour'])).toEqual([undefined, undefined, '#0f0', '#00f']);
  }, 60_000);

  test('random nested savepoints in several transactions at once: what is in the topic is what committed, in order', async () => {
    const clients = await Promise.all([1, 2, 3].map(() => connect(harness)));
    const random = generator(4_711);
    /** Names in the order of their commits. */
    const committed: string[] = [];
    let rows = 0;
    const open = clients.map(() => null as string[][] | null);
    for (let step = 0; step < 400; step++) {
      const index = Math.floor(random() * clients.length);
      const client = clients[index]!;
      const stack = (open[index] ??= await begin(client));
      const choice = random();
      if (choice < 0.55) {
        const name = `e-${++rows}`;
        await insertTag(client, name);
        stack.at(-1)!.push(name);
      } else if (choice < 0.75) {
        await client.query(`savepoint s${stack.length}`);
        stack.push([]);
      } else if (stack.length > 1) {
        const inner = stack.pop() ?? [];
        const released = choice < 0.87;
        await client.query(`${released ? 'release' : 'rollback to'} s${stack.length}`);
        if (released) stack.at(-1)!.push(...inner);
        else await client.query(`release s${stack.length}`);
      } else {
        const commits = choice < 0.95;
        await client.query(commits ? 'commit' : 'rollback');
        if (commits) committed.push(...stack.flat());
        open[index] = null;
      }
    }
    for (const client of clients) await client.query('rollback');
    const reader = harness.reader();
    await reader.reached(await harness.positionNow(), 60_000);
    expect(reader.problems).toEqual([]);
    expect(committed.length).toBeGreaterThan(50);
    expect(tagNames(reader, 'e-')).toEqual(committed);
  }, 120_000);
});

async function begin(client: pg.Client): Promise<string[][]> {
  await client.query('begin');
  return [[]];
}

/** A small generator of chance with a seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function withHarness(
  env: Readonly<Record<string, string>>,
  run: (own: CaptureHarness) => Promise<void>,
): Promise<void> {
  const own = await CaptureHarness.open(undefined, env);
  try {
    await run(own);
  } finally {
    await own.close();
  }
}

const insertMany = (client: pg.Client, prefix: string, rows: number) =>
  client.query(`insert into commerce.tags (name) select $1 || '-' || n from generate_series(1, $2::int) n`, [
    prefix,
    rows,
  ]);

const names = (prefix: string, rows: number) => Array.from({ length: rows }, (_, index) => `${prefix}-${index + 1}`);

test(
  'what Postgres cannot decode before its end is published at its end',
  () =>
    withHarness({}, async (own) => {
      await sendEverythingAtOnce(own);
      const { service } = await own.start();
      const client = await connect(own);
      // One round trip, so that the walsender comes to it late: the second alteration has overwritten what told of the first.
      await client.query('begin');
      await client.query(`
      insert into commerce.tags (name) values ('f-1');
      savepoint one;
      alter table commerce.tags add column weight int;
      insert into commerce.tags (name, weight) values ('f-gone', 1);
      rollback to one;
      insert into commerce.tags (name) values ('f-2');
      alter table commerce.tags add column colour text;
      insert into commerce.tags (name, colour) values ('f-3', '#0f0');
      commit`);
      await insertTag(own.sql, 'f-4');
      const reader = own.reader();
      await reader.reached(await own.positionNow(), 60_000);
      expect(reader.problems).toEqual([]);
      expect(tagNames(reader, 'f-')).toEqual(['f-1', 'f-2', 'f-3', 'f-4']);
      expect((service.status() as { state: string }).state).toBe('streaming');
    }),
  60_000,
);

describe('the room for transactions in progress', () => {
  test(
    'where it ends, Postgres is asked to keep them, and no row is lost',
    () =>
      withHarness({ SPOOL_MAX_BYTES: '300000' }, async (own) => {
        await sendEverythingAtOnce(own);
        const { service } = await own.start();
        const client = await connect(own);
        await insertMany(client, 'first', 10);
        await client.query('begin');
        await insertMany(client, 'large', 5_000);
        await eventually(() => (service.status() as { streamInProgress: string }).streamInProgress.includes('full'));
        await insertMany(own.sql, 'second', 10);
        await client.query('commit');
        await insertMany(own.sql, 'third', 10);
        const reader = own.reader();
        await reader.reached(await own.positionNow(), 60_000);
        expect(reader.problems).toEqual([]);
        expect(tagNames(reader, '')).toEqual([
          ...names('first', 10),
          ...names('second', 10),
          ...names('large', 5_000),
          ...names('third', 10),
        ]);
      }),
    120_000,
  );

  // Where the machine lets a process have a disk of its own, it is really full; everywhere, no file may grow beyond 200 blocks of 512 bytes or 1 KiB.
  const fullDisks = [...(canMakeDisks() ? (['ENOSPC'] as const) : []), 'EFBIG' as const];

  test.each(fullDisks)(
    'a disk that refuses more (%s) is the end of it just the same',
    (code) =>
      withHarness({}, async (own) => {
        await sendEverythingAtOnce(own);
        const folder = own.config.spoolFolder;
        await mkdir(folder, { recursive: true });
        const disk = code === 'EFBIG' ? { maxFileBlocks: 200 } : { smallDisk: { folder, bytes: 409_600 } };
        const capture = new ChildCapture(own.environment, disk);
        own.onClose(() => capture.kill());
        await eventually(() => capture.output.includes('"streaming"'), 30_000);
        const client = await connect(own);
        await client.query('begin');
        await insertMany(client, 'large', 8_000);
        await client.query('commit');
        const reader = own.reader();
        await reader.reached(await own.positionNow(), 60_000);
        expect(capture.output).toContain('off: the spool is full');
        expect(capture.output).toContain(`is full (${code})`);
        expect(reader.problems).toEqual([]);
        expect(tagNames(reader, '')).toEqual(names('large', 8_000));
      }),
    120_000,
  );

  test(
    'killed while it publishes a large one, it publishes the rest of it and nothing twice',
    () =>
      withHarness({}, async (own) => {
        const rows = 60_000;
        await own.sql.query(`alter database ${own.database.name} set logical_decoding_work_mem = '1MB'`);
        const first = new ChildCapture(own.environment, { dies: { when: 'sent', at: 8 } });
        own.onClose(() => first.kill());
        await eventually(() => first.output.includes('"streaming"'), 30_000);
        await insertMany(own.sql, 'large', rows);
        await first.ended();
        await insertMany(own.sql, 'after', 3);
        const { service } = await own.start();
        const reader = own.reader();
        await reader.reached(await own.positionNow(), 60_000);
        expect(reader.problems).toEqual([]);
        expect(tagNames(reader, '')).toEqual([...names('large', rows), ...names('after', 3)]);
        expect(service.dropped).toBeGreaterThan(0);
      }),
    120_000,
  );
});
