import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { migrate } from '@millrace/database/migrate';
import { OwnPostgres, ownPort } from '@millrace/infra-local/testing';
import { Releasers } from '@millrace/kernel/lifecycle';
import pg from 'pg';
import { CaptureHarness } from '../testing/index.ts';

const releasers = new Releasers();
let postgres: OwnPostgres;
beforeAll(async () => {
  postgres = await OwnPostgres.start({ port: await ownPort() });
  releasers.push('postgres', () => postgres.remove());
  await migrate(postgres.url);
}, 120_000);
afterAll(() => releasers.release(), 60_000);

async function connect(): Promise<pg.Client> {
  const sql = new pg.Client({ connectionString: postgres.url });
  sql.on('error', () => undefined);
  await sql.connect();
  return sql;
}

const insertTag = (sql: pg.Client, name: string) => sql.query('insert into commerce.tags (name) values ($1)', [name]);

/** Inserts one row after the other until its connection breaks; answers what was committed for certain. */
async function writeUntilBroken(prefix: string): Promise<string[]> {
  const sql = await connect();
  const written: string[] = [];
  for (;;) {
    const name = `${prefix}-${written.length + 1}`;
    try {
      await insertTag(sql, name);
    } catch {
      await sql.end().catch(() => undefined);
      return written;
    }
    written.push(name);
  }
}

test.each(['SIGINT', 'SIGKILL'] as const)(
  'Postgres ended by %s under writes, with a transaction in parts, and started again: the capture ends saying so, its successor goes on exactly',
  async (signal) => {
    const harness = await CaptureHarness.open(postgres.url);
    try {
      await harness.sql.query(`alter database millrace set debug_logical_replication_streaming = 'immediate'`);
      const capture = await harness.start();
      const open = await connect();
      await open.query('begin');
      for (let n = 1; n <= 50; n++) await insertTag(open, `${signal} never committed ${n}`);
      const writing = writeUntilBroken(signal);
      await new Promise((resolve) => setTimeout(resolve, 700));
      await postgres.stop(signal);
      await expect(capture.ended).rejects.toMatchObject({ kind: 'engine-unreachable' });
      const written = await writing;
      const early = await harness.start({ waitReady: false });
      await expect(early.ended).rejects.toMatchObject({ kind: 'engine-unreachable' });
      await postgres.run();

      const sql = await connect();
      const successor = await harness.start();
      await insertTag(sql, `${signal} after`);
      const { rows } = await sql.query<{ name: string }>(
        `select name from commerce.tags where name like $1 || '%' order by xmin::text::int8`,
        [signal],
      );
      const reader = harness.reader();
      await reader.until(() => reader.changes.some(({ after }) => after?.['name'] === `${signal} after`), 60_000);
      expect(reader.problems).toEqual([]);
      const names = reader.changes
        .map(({ after }) => String(after?.['name']))
        .filter((name) => name.startsWith(signal));
      expect(names).toEqual(rows.map(({ name }) => name));
      expect(names).toEqual(expect.arrayContaining(written));
      expect(written.length).toBeGreaterThan(20);
      await successor.stop();
      await sql.query('select pg_drop_replication_slot($1)', [harness.config.slotName]);
      await sql.end();
      await open.end().catch(() => undefined);
    } finally {
      await harness.close();
    }
  },
  120_000,
);
