import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ClientBase } from 'pg';
import { createTestDatabase } from '../testing/index.ts';
import type { TestDatabase } from '../testing/index.ts';
import { connect, openPool, withConnection } from './index.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Has Postgres end the connection while nothing is asked of it; resolves when this side knows. */
async function endedByPostgres(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const ended = new Promise((resolve) => (client as unknown as NodeJS.EventEmitter).once('end', resolve));
  await withConnection(database.url, (other) => other.query('select pg_terminate_backend($1)', [rows[0]?.pid]));
  await ended;
}

test('an idle connection that Postgres ends throws nothing; the next statement meets the error', async () => {
  const client = await connect(database.url);
  await endedByPostgres(client);
  await expect(client.query('select 1')).rejects.toThrow(/not queryable|terminat|closed/i);
  await client.end();
});

test('what is done with a connection that broke fails with what was wrong, and not with its end', async () => {
  const using = withConnection(database.url, async (client) => {
    await endedByPostgres(client);
    throw new Error('what was wrong');
  });
  await expect(using).rejects.toThrow('what was wrong');
});

test('a pool takes another connection for one that Postgres has ended, idle or given out', async () => {
  const pool = openPool({ connectionString: database.url, max: 2 });
  const [given, idle] = [await pool.connect(), await pool.connect()];
  idle.release();
  await endedByPostgres(idle);
  await endedByPostgres(given);
  given.release(true);
  expect((await pool.query<{ one: number }>('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await pool.end();
});

test('says in one sentence that the database does not answer', async () => {
  await expect(connect('postgres://millrace:millrace@127.0.0.1:1/millrace')).rejects.toThrow(
    /^the database does not answer: .*ECONNREFUSED/,
  );
});
