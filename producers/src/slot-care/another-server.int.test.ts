import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { migrate } from '@millrace/database/migrate';
import { OwnPostgres, ownPort } from '@millrace/infra-local/testing';
import { Releasers } from '@millrace/kernel/lifecycle';
import pg from 'pg';
import { CaptureHarness, eventually } from '../testing/index.ts';
import type { RunningCapture } from '../testing/index.ts';

const MINUTE = 60_000;
const releasers = new Releasers();
let primary: OwnPostgres;
let standby: OwnPostgres;

beforeAll(async () => {
  primary = await OwnPostgres.start({ port: await ownPort(), settings: { max_slot_wal_keep_size: '64MB' } });
  releasers.push('primary', () => primary.remove());
  await migrate(primary.url);
}, 2 * MINUTE);
afterAll(() => releasers.release(), MINUTE);

async function on<T>(server: OwnPostgres, work: (sql: pg.Client) => Promise<T>): Promise<T> {
  const sql = new pg.Client({ connectionString: server.url });
  await sql.connect();
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

const insertTags = (server: OwnPostgres, name: string, count: number) =>
  on(server, (sql) =>
    sql.query(`insert into commerce.tags (name) select $1 || '-' || n from generate_series(1, $2::int) n`, [
      name,
      count,
    ]),
  );

const lsnOf = (server: OwnPostgres) =>
  on(server, async (sql) => {
    const { rows } = await sql.query<{ lsn: string }>(
      `select (pg_current_wal_flush_lsn() - '0/0')::numeric::text as lsn`,
    );
    return BigInt(rows[0]?.lsn ?? 0) - 1n;
  });

async function harnessOn(server: OwnPostgres): Promise<CaptureHarness> {
  return CaptureHarness.open(server.url);
}

async function refused(capture: RunningCapture): Promise<string> {
  await eventually(() => capture.service.ready().reason?.includes('millrace capture heal') === true);
  return capture.service.ready().reason ?? '';
}

async function expectTags(harness: CaptureHarness, server: OwnPostgres, epoch = 0n): Promise<void> {
  const reader = harness.reader();
  await reader.reached((epoch << 56n) | (await lsnOf(server)), MINUTE);
  expect(reader.problems).toEqual([]);
  const rows = await on(
    server,
    async (sql) => (await sql.query<{ name: string }>('select name from commerce.tags')).rows,
  );
  const names = [...reader.table('tags').values()].map(({ after }) => after?.['name']);
  expect(names.sort()).toEqual(rows.map(({ name }) => name).sort());
}

test(
  'a slot that Postgres invalidated for its WAL is recognised and healed',
  async () => {
    const harness = await harnessOn(primary);
    try {
      const first = await harness.start();
      await insertTags(primary, 'one', 3);
      await first.stop();
      await on(primary, async (sql) => {
        for (let i = 0; i < 10; i++) {
          await sql.query(
            `select pg_logical_emit_message(false, 'test', repeat('x', 1000000)) from generate_series(1, 20)`,
          );
          await sql.query('select pg_switch_wal()');
        }
        await sql.query('checkpoint');
      });
      await insertTags(primary, 'two', 3);
      const second = await harness.start({ waitReady: false });
      expect(await refused(second)).toContain('invalidated');
      second.service.heal();
      await eventually(() => second.service.ready().ready);
      await expectTags(harness, primary);
      await second.stop();
      await on(primary, (sql) => sql.query('select pg_drop_replication_slot($1)', [harness.config.slotName]));
    } finally {
      await harness.close();
    }
  },
  2 * MINUTE,
);

test(
  'a promoted standby goes on with the slot; its predecessor, started again, is recognised as another history',
  async () => {
    await on(primary, (sql) => sql.query(`select pg_create_physical_replication_slot('standby_1', true)`));
    const port = await ownPort();
    standby = await on(primary, (sql) =>
      primary.standby(
        { port, settings: { sync_replication_slots: 'on', primary_slot_name: 'standby_1' } },
        async (text) => Object.values((await sql.query<Record<string, string>>(text)).rows[0] ?? {})[0] ?? '',
      ),
    );
    releasers.push('standby', () => standby.remove());
    const harness = await harnessOn(primary);
    try {
      const before = await harness.start({ config: { slotFailover: true } });
      await insertTags(primary, 'before', 3);
      await eventually(async () => {
        await on(primary, (sql) => sql.query('select pg_log_standby_snapshot()'));
        const rows = await on(
          standby,
          async (sql) => (await sql.query('select from pg_replication_slots where synced and not temporary')).rowCount,
        );
        return rows === 1;
      }, MINUTE);
      await before.stop();
      await primary.stop();
      await on(standby, (sql) => sql.query('select pg_promote()'));
      await insertTags(standby, 'after', 3);

      const config = { databaseUrl: standby.url, slotFailover: true };
      const after = await harness.start({ config });
      await insertTags(standby, 'later', 3);
      await expectTags(harness, standby);
      await after.stop();

      await primary.run();
      await insertTags(primary, 'lonely', 3);
      const wrong = await harness.start({ waitReady: false });
      expect(await refused(wrong)).toContain('left the log');
      wrong.service.heal();
      await eventually(() => wrong.service.ready().ready);
      // The old server's WAL is behind the log: positions go on under the next epoch.
      await expectTags(harness, primary, 1n);
      await wrong.stop();
      expect((await harness.start()).service.ready().ready).toBe(true);
    } finally {
      await harness.close();
    }
  },
  3 * MINUTE,
);

test(
  'another cluster with a slot of that name is recognised',
  async () => {
    const harness = await CaptureHarness.open();
    try {
      const capture = await harness.start();
      await capture.stop();
      const wrong = await harness.start({ waitReady: false, config: { databaseUrl: primary.url } });
      expect(await refused(wrong)).toContain('was copied from cluster');
    } finally {
      await harness.close();
    }
  },
  MINUTE,
);
