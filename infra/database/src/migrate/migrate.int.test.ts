import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { createTestDatabase } from '../testing/index.ts';
import type { TestDatabase } from '../testing/index.ts';
import { migrate, readMigrations } from './index.ts';

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

async function emptied(): Promise<void> {
  await client.query('drop schema commerce cascade; drop schema millrace cascade; drop publication if exists millrace');
}

describe('migrate', () => {
  test('finds nothing to do in a migrated database', async () => {
    expect(await migrate(database.url)).toEqual({ applied: [] });
  });

  test('called by two programs at once, runs each migration once', async () => {
    await emptied();
    const all = (await readMigrations()).map((migration) => migration.name);
    const results = await Promise.all([migrate(database.url), migrate(database.url)]);
    expect(results.flatMap((result) => result.applied)).toEqual(all);
    const ledger = await client.query<{ name: string }>('select name from millrace.migrations order by name');
    expect(ledger.rows.map((row) => row.name)).toEqual(all);
  });

  test('leaves whole migrations when one fails, and goes on after it is mended', async () => {
    await emptied();
    const good = { name: '0001_good.sql', sql: 'create schema commerce', checksum: 'a' };
    const bad = {
      name: '0002_bad.sql',
      sql: 'create table commerce.half (); select no_such_function()',
      checksum: 'b',
    };
    await expect(migrate(database.url, [good, bad])).rejects.toThrow(/0002_bad\.sql failed: .*no_such_function/);
    expect((await client.query("select to_regclass('commerce.half') as half")).rows).toEqual([{ half: null }]);
    const mended = { ...bad, sql: 'create table commerce.half ()', checksum: 'c' };
    expect(await migrate(database.url, [good, mended])).toEqual({ applied: ['0002_bad.sql'] });
    await emptied();
    await migrate(database.url);
  });

  test('says in one sentence that the database does not answer', async () => {
    await expect(migrate('postgres://millrace:millrace@127.0.0.1:1/millrace')).rejects.toThrow(
      /^the database does not answer: .*ECONNREFUSED/,
    );
  });

  test('publishes the captured tables and the outbox, and none of the platform’s own', async () => {
    const published = await client.query<{ tablename: string }>(
      "select tablename from pg_publication_tables where pubname = 'millrace'",
    );
    const names = published.rows.map((row) => row.tablename);
    expect(names).toHaveLength(29);
    expect(names).toEqual(
      expect.arrayContaining(['products', 'inventory', 'orders', 'carts', 'view_generations', 'outbox_events']),
    );
    expect(names).not.toEqual(expect.arrayContaining(['idempotency_keys']));
  });

  test('every table names its tenant and when its rows were made and changed', async () => {
    const lacking = await client.query(
      `select t.table_name, c.name from information_schema.tables t
       cross join (values ('tenant_id'), ('created_at'), ('updated_at')) as c (name)
       where t.table_schema = 'commerce' and not exists (
         select from information_schema.columns f
         where f.table_schema = 'commerce' and f.table_name = t.table_name and f.column_name = c.name)`,
    );
    expect(lacking.rows).toEqual([]);
  });
});

describe('a test database', () => {
  test('is dropped together with its slots and whoever is connected', async () => {
    const other = await createTestDatabase();
    const guest = new Client({ connectionString: other.url });
    const lost = new Promise((resolve) => guest.on('error', resolve));
    await guest.connect();
    await guest.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [other.name]);
    await other.drop();
    await lost;
    const left = await client.query('select from pg_database where datname = $1', [other.name]);
    expect(left.rowCount).toBe(0);
    await other.drop();
  });
});
