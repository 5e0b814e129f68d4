import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CaptureHarness, eventually } from '../testing/index.ts';

let harness: CaptureHarness;
beforeAll(async () => {
  harness = await CaptureHarness.open();
}, 60_000);
afterAll(async () => {
  await harness.close();
}, 60_000);

const insertTag = (name: string) => harness.sql.query('insert into commerce.tags (name) values ($1)', [name]);

async function walsender(): Promise<number | undefined> {
  const { rows } = await harness.sql.query<{ pid: number }>(
    'select active_pid as pid from pg_replication_slots where slot_name = $1',
    [harness.config.slotName],
  );
  return rows[0]?.pid;
}

test('paused, nothing is published and nothing acknowledged, the connection stays; resumed, every row comes once', async () => {
  const { service } = await harness.start();
  const reader = harness.reader();
  await insertTag('before');
  await reader.reached(await harness.positionNow());
  const pid = await walsender();

  expect(await service.control('pause', {})).toEqual({ paused: true });
  expect(service.ready()).toMatchObject({ ready: false, reason: expect.stringContaining('millrace capture resume') });
  // What was read before the hold may still come.
  await eventually(() => (service.status() as { inFlightBytes: number }).inFlightBytes === 0);
  await harness.statusTold();
  const confirmed = await harness.confirmedFlush();
  for (let i = 0; i < 20; i++) await insertTag(`held-${i}`);
  // Over several heartbeats.
  await harness.statusTold(2_500);
  await reader.until(() => true);
  const names = () => reader.changes.filter(({ table }) => table === 'tags').map(({ after }) => after?.['name']);
  expect(names()).toEqual(['before']);
  expect(await harness.confirmedFlush()).toBe(confirmed);
  expect(await walsender()).toBe(pid);

  expect(await service.control('resume', {})).toEqual({ paused: false });
  expect(service.ready()).toEqual({ ready: true });
  await reader.reached(await harness.positionNow());
  expect(names()).toEqual(['before', ...Array.from({ length: 20 }, (_, i) => `held-${i}`)]);
  expect(reader.problems).toEqual([]);
  await eventually(async () => (await harness.confirmedFlush()) > confirmed);
}, 60_000);

test('before it streams, control is refused and says why', async () => {
  const waiting = await harness.start({ waitReady: false });
  await eventually(() => waiting.service.ready().reason?.includes('another producer') === true);
  await expect(waiting.service.control('pause', {})).rejects.toMatchObject({ kind: 'conflict' });
  await waiting.stop();
}, 60_000);
