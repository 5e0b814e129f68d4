import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { OwnKafka, ownPort } from '@millrace/infra-local/testing';
import { PlatformError } from '@millrace/kernel/errors';
import type { LogClient } from '@millrace/kernel/log';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import type { KafkaLogOptions } from '@millrace/kernel/log-kafka';
import { silentLogger } from '@millrace/kernel/telemetry';
import { CaptureHarness, eventually, tagNames } from '../testing/index.ts';
import type { RunningCapture } from '../testing/index.ts';

/** A Kafka that is killed, away, or slow; minutes are scaled down by settings: what matters is on which side of a limit an outage ends. */
let kafka: OwnKafka;
let harness: CaptureHarness;
beforeAll(async () => {
  kafka = await OwnKafka.start(await ownPort());
}, 120_000);
afterAll(() => kafka.remove(), 60_000);
beforeEach(async () => {
  harness = await CaptureHarness.open(undefined, { KAFKA_BROKERS: kafka.brokers.join(',') });
}, 60_000);
afterEach(() => harness.close(), 60_000);

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The test's Kafka with other limits than a deployable's. */
function logWith(
  limits: Pick<KafkaLogOptions, 'appendTimeoutMs' | 'requestTimeoutMs' | 'connectTimeoutMs'>,
): LogClient {
  const log = createKafkaLog({ brokers: kafka.brokers, clientId: 'limits', logger: silentLogger(), ...limits });
  harness.onClose(() => log.close());
  return log;
}

const statusOf = ({ service }: RunningCapture) => service.status() as { holds: string[]; inFlightBytes: number };

test('killed and away for longer than wal_sender_timeout: Postgres keeps the connection, memory stays bounded, the same producer goes on', async () => {
  await harness.sql.query(`alter database ${harness.database.name} set wal_sender_timeout = '2s'`);
  // However long this machine takes to start a broker.
  const log = logWith({ appendTimeoutMs: 100_000 });
  const capture = await harness.start({ log, config: { maxInFlightBytes: 1_048_576 } });
  await harness.insertTags('before', 3);
  expect(await harness.loggedTags()).toEqual(tagNames('before', 3));
  const pid = await harness.walsender();
  const confirmed = await harness.confirmedFlush();
  await kafka.kill();
  await harness.insertTags('many', 30_000);
  await eventually(() => statusOf(capture).holds.includes('pressure'));
  await harness.statusTold(3_500);
  await harness.insertTags('late', 3);
  expect(statusOf(capture).inFlightBytes).toBeLessThan(3_000_000);
  // Watermarks that went before the kill may have been acknowledged; no row since.
  expect((await harness.confirmedFlush()) - confirmed).toBeLessThan(100_000n);
  await kafka.run();
  expect(await Promise.race([harness.loggedTags(), capture.ended])).toEqual([
    ...tagNames('before', 3),
    ...tagNames('many', 30_000),
    ...tagNames('late', 3),
  ]);
  expect(await harness.walsender()).toBe(pid);
}, 120_000);

test('away for longer than an append may take: the producer ends saying so, those that follow wait for Kafka, nothing is lost or doubled', async () => {
  const log = logWith({ appendTimeoutMs: 2_000, requestTimeoutMs: 1_000, connectTimeoutMs: 500 });
  const capture = await harness.start({ log });
  await harness.insertTags('before', 3);
  expect(await harness.loggedTags()).toEqual(tagNames('before', 3));
  await kafka.kill();
  await harness.insertTags('meanwhile', 5_000);
  await expect(capture.ended).rejects.toMatchObject({ kind: 'log-unknown-outcome' });
  // As a supervisor would.
  const endings: unknown[] = [];
  let back: Promise<void> | null = null;
  for (let streaming = false; !streaming;) {
    const next = await harness.start({ log, waitReady: false });
    let ending: unknown = null;
    next.ended.catch((error: unknown) => (ending = error instanceof PlatformError ? error.kind : error));
    await eventually(() => ending !== null || next.service.ready().ready, 60_000);
    streaming = ending === null;
    if (!streaming) endings.push(ending);
    if (endings.length === 1) back ??= kafka.run();
  }
  await back;
  expect(endings.length).toBeGreaterThanOrEqual(1);
  expect(new Set(endings)).toEqual(new Set(['engine-unreachable']));
  await harness.insertTags('after', 3);
  expect(await harness.loggedTags()).toEqual([
    ...tagNames('before', 3),
    ...tagNames('meanwhile', 5_000),
    ...tagNames('after', 3),
  ]);
}, 120_000);

test('slow, standing still again and again: what is written comes once and in order', async () => {
  const capture = await harness.start();
  const written: string[] = [];
  const stop = new AbortController();
  const stutter = (async () => {
    while (!stop.signal.aborted) {
      kafka.freeze();
      await pause(400);
      kafka.thaw();
      await pause(60);
    }
  })();
  for (const endMs = performance.now() + 6_000; performance.now() < endMs;) {
    const name = `t${written.length}`;
    await harness.insertTags(name, 7);
    written.push(...tagNames(name, 7));
  }
  stop.abort();
  await stutter;
  expect(written.length).toBeGreaterThan(500);
  expect(await Promise.race([harness.loggedTags(), capture.ended])).toEqual(written);
}, 120_000);
