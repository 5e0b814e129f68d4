import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { LogClient } from '@millrace/kernel/log';
import { cdcPartitions } from './partitions.ts';
import { CaptureHarness, ChildCapture, eventually } from '../testing/index.ts';

let harness: CaptureHarness;
beforeEach(async () => {
  harness = await CaptureHarness.open();
}, 60_000);
afterEach(async () => {
  await harness.close();
}, 60_000);

function child(): ChildCapture {
  const capture = new ChildCapture(harness.environment);
  harness.onClose(() => capture.kill());
  return capture;
}

test('killed again and again under writes, each row is in the log once and in order', async () => {
  let capture = child();
  const written: string[] = [];
  let transactions = 0;
  const stop = new AbortController();
  const writer = (async () => {
    for (let i = 1; !stop.signal.aborted; i++) {
      // Some transactions are larger than one flush; on a slow machine not more of them than it can read back in time.
      const rows = i % 40 === 0 && written.length < 100_000 ? 8_000 : 3;
      await harness.insertTags(`t${i}`, rows);
      for (let n = 1; n <= rows; n++) written.push(`t${i}-${n}`);
      transactions++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  await eventually(() => capture.output.includes('"streaming"'), 30_000);
  for (let kill = 0; kill < 4; kill++) {
    const killedAt = transactions + 60 + kill * 15;
    await eventually(() => transactions >= killedAt, 30_000);
    await capture.kill();
    capture = child();
    await eventually(() => capture.output.includes('"streaming"'), 30_000);
  }
  stop.abort();
  await writer;
  const reader = harness.reader();
  await reader.reached(await harness.positionNow(), 60_000);
  expect(reader.problems).toEqual([]);
  const names = reader.changes.filter(({ table }) => table === 'tags').map(({ after }) => String(after?.['name']));
  expect(names).toHaveLength(written.length);
  // What was there before the capture began came with the snapshot, in the table's order.
  expect(new Set(names)).toEqual(new Set(written));
  const streamed = reader.changes.filter(({ table, op }) => table === 'tags' && op === 'c');
  expect(streamed.map(({ after }) => after?.['name'])).toEqual(written.slice(written.length - streamed.length));
}, 120_000);

test('killed in the snapshot, it begins again and readers end with the tables as they are', async () => {
  await harness.insertTags('early', 60_000);
  const first = child();
  await eventually(() => first.output.includes('"snapshot begins"'), 30_000);
  await eventually(async () => {
    const [partition] = await harness.log.admin.offsets(`${harness.config.topicPrefix}cdc.reference`);
    return (partition?.end ?? 0n) > 1_000n;
  });
  await first.kill();
  await harness.sql.query(`delete from commerce.tags where name like 'early-%7'`);
  await harness.start();
  await harness.insertTags('late', 5);
  const reader = harness.reader();
  await reader.reached(await harness.positionNow(), 60_000);
  expect(reader.problems).toEqual([]);
  const { rows } = await harness.sql.query<{ tag_id: string }>('select tag_id from commerce.tags');
  expect(new Set(reader.table('tags').keys())).toEqual(new Set(rows.map(({ tag_id }) => `tags/${tag_id}`)));
}, 120_000);

test('Postgres is told nothing that the log does not hold: 1,000 rows the log never took come after the restart', async () => {
  let blocked = false;
  let underWay = 0;
  const log: LogClient = {
    ...harness.log,
    admin: harness.log.admin,
    createReader: (options) => harness.log.createReader(options),
    close: () => Promise.resolve(),
    openWriter: async (options) => {
      const writer = await harness.log.openWriter(options);
      return {
        epoch: writer.epoch,
        ends: writer.ends,
        append: async (batches) => {
          if (blocked) return new Promise(() => undefined);
          underWay++;
          return writer.append(batches).finally(() => underWay--);
        },
        close: () => (blocked ? Promise.resolve() : writer.close()),
      };
    },
  };
  const capture = await harness.start({ log });
  await harness.insertTags('held', 3);
  const before = await harness.positionNow();
  await eventually(async () => (await harness.confirmedFlush()) >= before);
  blocked = true;
  await eventually(() => underWay === 0);
  await harness.statusTold();
  const confirmed = await harness.confirmedFlush();
  for (let i = 0; i < 1_000; i++) await harness.insertTags(`lost${i}`, 1);
  // Over several keepalives and heartbeats.
  await harness.statusTold(2_500);
  expect(await harness.confirmedFlush()).toBe(confirmed);
  // Its log stays as it is: were later appends let through, they would overtake the ones that it waits for, as no log does.
  void capture.stop();
  const { rows } = await harness.sql.query<{ pid: number }>(
    'select active_pid as pid from pg_replication_slots where slot_name = $1 and active',
    [harness.config.slotName],
  );
  if (rows[0] !== undefined) await harness.sql.query('select pg_terminate_backend($1, 5000)', [rows[0].pid]);
  await harness.start();
  expect(await harness.loggedTags()).toEqual([
    ...[1, 2, 3].map((n) => `held-${n}`),
    ...Array.from({ length: 1_000 }, (_, index) => `lost${index}-1`),
  ]);
}, 120_000);

test('of two producers on one slot, one waits and takes over within 2 s of the other being killed', async () => {
  const first = child();
  await eventually(() => first.output.includes('"streaming"'), 30_000);
  const second = await harness.start({ waitReady: false });
  await eventually(() => second.service.ready().reason?.includes('another producer') === true);
  await harness.insertTags('one', 3);
  await first.kill();
  const killedMs = performance.now();
  await eventually(() => second.service.ready().ready);
  expect(performance.now() - killedMs).toBeLessThan(2_000);
  await harness.insertTags('two', 3);
  expect(await harness.loggedTags()).toEqual(['one-1', 'one-2', 'one-3', 'two-1', 'two-2', 'two-3']);
}, 120_000);

test('a paused producer whose successor has started ends when it wakes and adds nothing', async () => {
  const zombie = child();
  await eventually(() => zombie.output.includes('"streaming"'), 30_000);
  await harness.insertTags('one', 3);
  await eventually(async () => (await harness.confirmedFlush()) >= (await harness.positionNow()) - 1_000n);
  zombie.signal('SIGSTOP');
  await harness.sql.query(
    'select pg_terminate_backend(active_pid, 5000) from pg_replication_slots where slot_name = $1 and active',
    [harness.config.slotName],
  );
  await harness.start();
  await harness.insertTags('two', 3);
  zombie.signal('SIGCONT');
  await zombie.ended();
  expect(zombie.exitCode).toBe(1);
  expect(await harness.loggedTags()).toEqual(['one-1', 'one-2', 'one-3', 'two-1', 'two-2', 'two-3']);
}, 120_000);

test('superseded by a newer writer, it is refused by the log and ends saying so', async () => {
  const capture = await harness.start();
  await harness.insertTags('one', 3);
  const { config } = harness;
  const reader = harness.reader();
  await reader.reached(await harness.positionNow());
  const newer = await harness.log.openWriter({
    name: `${config.topicPrefix}producers`,
    partitions: cdcPartitions(config.topicPrefix, config.partitions),
    barrier: () => ({ key: Buffer.from('_barrier'), value: Buffer.from('') }),
  });
  await harness.insertTags('two', 3);
  await expect(capture.ended).rejects.toMatchObject({ kind: 'log-fenced' });
  await newer.close();
  await harness.start();
  expect(await harness.loggedTags()).toEqual(['one-1', 'one-2', 'one-3', 'two-1', 'two-2', 'two-3']);
}, 60_000);

test('a table that is not published is refused with the statement that mends it', async () => {
  await harness.sql.query('alter publication millrace drop table commerce.tags');
  const capture = await harness.start({ waitReady: false });
  await expect(capture.ended).rejects.toMatchObject({
    kind: 'table-not-capturable',
    message: expect.stringContaining('alter publication millrace add table commerce.tags'),
  });
}, 60_000);
