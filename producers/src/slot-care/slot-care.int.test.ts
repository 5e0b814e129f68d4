import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Logger } from '@millrace/kernel/telemetry';
import { silentLogger } from '@millrace/kernel/telemetry';
import type { SlotHealth } from './slot-watch.ts';
import { CaptureHarness, ChildCapture, eventually } from '../testing/index.ts';
import type { RunningCapture } from '../testing/index.ts';

let harness: CaptureHarness;
beforeEach(async () => {
  harness = await CaptureHarness.open();
}, 60_000);
afterEach(async () => {
  await harness.close();
}, 60_000);

const insertTags = (name: string, count: number) =>
  harness.sql.query(`insert into commerce.tags (name) select $1 || '-' || n from generate_series(1, $2::int) n`, [
    name,
    count,
  ]);

const dropSlot = () => harness.sql.query('select pg_drop_replication_slot($1)', [harness.config.slotName]);

const makeSlot = () =>
  harness.sql.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [harness.config.slotName]);

/** The log's tags are the table's, for a reader who began at the start and one that knows nothing of positions. */
async function expectTagsAsInTheTable(): Promise<void> {
  const reader = harness.reader();
  await reader.reached(await harness.positionNow(), 60_000);
  expect(reader.problems).toEqual([]);
  const { rows } = await harness.sql.query<{ name: string }>('select name from commerce.tags');
  const names = [...reader.table('tags').values()].map(({ after }) => after?.['name']);
  expect(names.sort()).toEqual(rows.map(({ name }) => name).sort());
}

async function metric({ metrics }: RunningCapture, name: string): Promise<number | undefined> {
  return (await metrics.getSingleMetric(name)?.get())?.values[0]?.value;
}

async function refused(capture: RunningCapture): Promise<string> {
  await eventually(() => capture.service.ready().reason?.includes('millrace capture heal') === true);
  return capture.service.ready().reason ?? '';
}

/** A capture that has streamed and was stopped; then changes that its slot will never show. */
async function streamedThenMissed(lose: () => Promise<unknown>): Promise<void> {
  await insertTags('early', 3);
  const capture = await harness.start();
  await insertTags('streamed', 3);
  await eventually(async () => (await harness.confirmedFlush()) >= (await harness.positionNow()) - 1_000n);
  await capture.stop();
  await harness.sql.query(`delete from commerce.tags where name in ('early-1', 'streamed-1')`);
  await lose();
  await insertTags('missed', 3);
}

test('a dropped slot is refused with the command to run, and healed by it', async () => {
  await streamedThenMissed(dropSlot);
  const capture = await harness.start({ waitReady: false });
  expect(await refused(capture)).toContain('does not exist');
  expect(capture.service.status()).toMatchObject({ state: 'refused', refusal: { cause: 'slot-lost' } });
  expect(await metric(capture, 'millrace_capture_refused')).toBe(1);
  expect(capture.service.heal()).toMatchObject({ cause: 'slot-lost' });
  await eventually(() => capture.service.ready().ready);
  await insertTags('late', 3);
  await expectTagsAsInTheTable();
  expect(capture.service.heal()).toBeNull();
}, 60_000);

test('a slot that was made anew in between is recognised, though it streams as if nothing had happened', async () => {
  await streamedThenMissed(async () => {
    await dropSlot();
    await insertTags('unseen', 2);
    await makeSlot();
  });
  const capture = await harness.start({ waitReady: false });
  expect(await refused(capture)).toContain('made anew or advanced');
  await capture.stop();
  await harness.start({ config: { autoHeal: true } });
  await insertTags('late', 3);
  await expectTagsAsInTheTable();
}, 60_000);

test('a slot that someone advanced is recognised', async () => {
  await streamedThenMissed(async () => {
    await insertTags('skipped', 2);
    await harness.sql.query('select pg_replication_slot_advance($1, pg_current_wal_lsn())', [harness.config.slotName]);
  });
  expect(await refused(await harness.start({ waitReady: false }))).toContain('made anew or advanced');
}, 60_000);

test('a slot of ours is never taken for another after a kill, whatever the capture was doing', async () => {
  for (let kill = 0; kill < 3; kill++) {
    const child = new ChildCapture(harness.environment);
    harness.onClose(() => child.kill());
    await eventually(() => child.output.includes('"streaming"'), 30_000);
    for (let i = 0; i < 20; i++) {
      // Commits of tables that are not captured are acknowledged too.
      await harness.sql.query(`insert into commerce.audit_log (actor, action) values ('a', 'b')`);
      if (i % 5 === 0) await insertTags(`k${kill}-${i}`, 1);
    }
    await child.kill();
  }
  await harness.start();
  await expectTagsAsInTheTable();
}, 120_000);

test('killed while it heals, it heals again', async () => {
  await insertTags('many', 60_000);
  await streamedThenMissed(dropSlot);
  const child = new ChildCapture({ ...harness.environment, AUTO_HEAL: 'true' });
  harness.onClose(() => child.kill());
  await eventually(() => child.output.includes('"snapshot begins"'), 30_000);
  const topic = `${harness.config.topicPrefix}cdc.reference`;
  const ends = async () => (await harness.log.admin.offsets(topic))[0]?.end ?? 0n;
  const before = await ends();
  await eventually(async () => (await ends()) > before + 1_000n);
  await child.kill();
  expect(child.output).not.toContain('"snapshot is complete"');
  await harness.sql.query(`delete from commerce.tags where name like 'many-%7'`);
  await harness.start();
  await expectTagsAsInTheTable();
}, 120_000);

test('what the making of a slot waits for is named, with how to end it', async () => {
  await harness.sql.query('begin');
  await insertTags('open', 1);
  const { rows } = await harness.sql.query<{ pid: number }>('select pg_backend_pid() as pid');
  const capture = await harness.start({ waitReady: false });
  // Others that write on the same server come before ours.
  const named = `select pg_terminate_backend(${rows[0]?.pid})`;
  await eventually(() => capture.service.ready().reason?.includes(named) === true);
  await harness.sql.query('commit');
  await eventually(() => capture.service.ready().ready);
}, 60_000);

test('WAL that the slot retains is measured; from half of the budget on it is an alarm, and over when it is read', async () => {
  const said: string[] = [];
  const note = (_context: unknown, text: string) => said.push(text);
  const logger = { ...silentLogger(), child: () => logger, info: note, warn: note, error: note } as unknown as Logger;
  const capture = await harness.start();
  await capture.stop();
  await harness.sql.query(
    `select pg_logical_emit_message(false, 'test', repeat('x', 1000000)) from generate_series(1, 8)`,
  );
  const config = { walBudgetBytes: 4 * 1_048_576, slotCheckMs: 100 };
  const again = await harness.start({ config, logger });
  await eventually(() => said.some((text) => text.includes('of its WAL budget')));
  expect(await metric(again, 'millrace_capture_slot_retained_bytes')).toBeGreaterThan(4 * 1_048_576);
  // Postgres moves a slot's restart point when it notes the running transactions: by itself every 15 s.
  await eventually(async () => {
    await harness.sql.query('select pg_log_standby_snapshot()');
    return said.some((text) => text.includes('within its WAL budget again'));
  });
  expect(again.service.ready()).toEqual({ ready: true });
}, 60_000);

test('the slot is kept on standbys where that is asked for, also one that was made before', async () => {
  const failover = async () =>
    (
      await harness.sql.query<{ failover: boolean }>('select failover from pg_replication_slots where slot_name = $1', [
        harness.config.slotName,
      ])
    ).rows[0]?.failover;
  const first = await harness.start({ config: { slotFailover: true } });
  expect(await failover()).toBe(true);
  await first.stop();
  const second = await harness.start();
  expect(await failover()).toBe(false);
  await second.stop();
  const third = await harness.start({ config: { slotFailover: true, slotCheckMs: 100 } });
  expect(await failover()).toBe(true);
  await eventually(() => {
    const { slotHealth } = third.service.status() as { slotHealth: SlotHealth | null };
    return slotHealth?.failover === true && slotHealth.synchronizedStandbySlots === '';
  });
}, 60_000);
