import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { LogClient, LogWriter } from '@millrace/kernel/log';
import { testEngines } from '@millrace/infra-local/testing';
import kafkajs from 'kafkajs';
import { CaptureHarness, ChildCapture, TcpProxy, eventually, tagNames } from '../testing/index.ts';

/** What goes wrong around the capture: networks, a slow log, a registry that is away, a topic that takes no more. */
let harness: CaptureHarness;
beforeEach(async () => {
  harness = await CaptureHarness.open();
}, 60_000);
afterEach(() => harness.close(), 60_000);

async function proxyOf(url: string): Promise<{ proxy: TcpProxy; url: string }> {
  const target = new URL(url);
  const proxy = await TcpProxy.open(target.hostname, Number(target.port));
  harness.onClose(() => proxy.close());
  target.port = String(proxy.port);
  return { proxy, url: target.href };
}

/** The log, its appends in the hands of the test. */
function logWith(
  append: (writer: LogWriter, batches: Parameters<LogWriter['append']>[0]) => ReturnType<LogWriter['append']>,
): LogClient {
  return {
    admin: harness.log.admin,
    createReader: (options) => harness.log.createReader(options),
    close: () => Promise.resolve(),
    openWriter: async (options) => {
      const writer = await harness.log.openWriter(options);
      return {
        epoch: writer.epoch,
        ends: writer.ends,
        append: (batches) => append(writer, batches),
        close: () => writer.close(),
      };
    },
  };
}

test('a network that drops everything without a word: the capture ends saying so, and its successor goes on exactly', async () => {
  await harness.sql.query(`alter database ${harness.database.name} set wal_sender_timeout = '2s'`);
  const { proxy, url } = await proxyOf(harness.database.url);
  const capture = await harness.start({ config: { databaseUrl: url, sourceSilenceMs: 1_500 } });
  await harness.insertTags('one', 3);
  await eventually(async () => (await harness.confirmedFlush()) >= (await harness.positionNow()) - 1_000n);
  proxy.become('frozen');
  await harness.insertTags('two', 3);
  await expect(capture.ended).rejects.toMatchObject({
    kind: 'engine-unreachable',
    message: expect.stringContaining('silent for 1.5 s'),
  });
  await harness.start();
  await harness.insertTags('three', 3);
  expect(await harness.loggedTags()).toEqual([...tagNames('one', 3), ...tagNames('two', 3), ...tagNames('three', 3)]);
}, 60_000);

test('a log that takes nothing for longer than wal_sender_timeout: Postgres keeps the connection, memory stays bounded, nothing is lost', async () => {
  await harness.sql.query(`alter database ${harness.database.name} set wal_sender_timeout = '5s'`);
  let release: () => void = () => undefined;
  let held: Promise<void> | null = null;
  const log = logWith(async (writer, batches) => {
    if (held !== null) await held;
    return writer.append(batches);
  });
  const capture = await harness.start({ log, config: { maxInFlightBytes: 1_048_576 } });
  const pid = await harness.walsender();
  held = new Promise((resolve) => (release = resolve));
  await harness.insertTags('many', 40_000);
  await eventually(() => (capture.service.status() as { holds: string[] }).holds.includes('pressure'));
  await harness.statusTold(6_500);
  expect(await harness.walsender()).toBe(pid);
  expect((capture.service.status() as { inFlightBytes: number }).inFlightBytes).toBeLessThan(3_000_000);
  held = null;
  release();
  await harness.insertTags('after', 3);
  expect(await Promise.race([harness.loggedTags(), capture.ended])).toEqual([
    ...tagNames('many', 40_000),
    ...tagNames('after', 3),
  ]);
  expect(await harness.walsender()).toBe(pid);
}, 90_000);

test('a slow log: what comes meanwhile goes in larger appends, in order', async () => {
  let appends = 0;
  const log = logWith(async (writer, batches) => {
    appends++;
    const results = await writer.append(batches);
    await new Promise((resolve) => setTimeout(resolve, 150));
    return results;
  });
  await harness.start({ log });
  appends = 0;
  const written: string[] = [];
  for (let n = 1; n <= 300; n++) {
    await harness.insertTags(`t${n}`, 2);
    written.push(...tagNames(`t${n}`, 2));
  }
  expect(await harness.loggedTags()).toEqual(written);
  expect(appends).toBeLessThan(150);
}, 60_000);

test('a registry that is away at the start, and when a relation is new: the capture ends saying so, and goes on when it is back', async () => {
  const { proxy, url } = await proxyOf(testEngines().schemaRegistryUrl);
  const child = (): ChildCapture => {
    const capture = new ChildCapture({ ...harness.environment, SCHEMA_REGISTRY_URL: url });
    harness.onClose(() => capture.kill());
    return capture;
  };
  proxy.become('closed');
  const early = child();
  await early.ended();
  expect([early.exitCode, early.output]).toEqual([1, expect.stringContaining('does not answer')]);
  proxy.become('open');
  const running = child();
  await eventually(() => running.output.includes('"streaming"'), 30_000);
  await harness.insertTags('one', 3);
  proxy.become('closed');
  await harness.sql.query('alter table commerce.tags add column colour text');
  await harness.insertTags('two', 3);
  await running.ended();
  expect([running.exitCode, running.output]).toEqual([1, expect.stringContaining('"kind":"engine-unreachable"')]);
  await harness.insertTags('three', 3);
  proxy.become('open');
  child();
  expect(await harness.loggedTags()).toEqual([...tagNames('one', 3), ...tagNames('two', 3), ...tagNames('three', 3)]);
}, 90_000);

test('a row that is larger than its topic takes: the capture ends naming table, size and setting, and goes on with it once there is room', async () => {
  const topic = `${harness.config.topicPrefix}cdc.customers`;
  const compacted = { 'cleanup.policy': 'compact' };
  await harness.log.admin.ensureTopics([
    { topic, partitions: harness.config.partitions, config: { ...compacted, 'max.message.bytes': '700000' } },
  ]);
  const capture = await harness.start();
  const customer = (email: string, bytes: number) =>
    harness.sql.query(
      `insert into commerce.customers (email, preferences)
       select $1, jsonb_build_object('note', string_agg(md5(n::text), '')) from generate_series(1, $2::int / 32) n`,
      [email, bytes],
    );
  // Together more than the topic takes in a batch, each alone less.
  await harness.sql.query('begin');
  await customer('a@test', 400_000);
  await customer('b@test', 600_000);
  await harness.sql.query('commit');
  await customer('large@test', 900_000);
  await customer('after@test', 100);
  await expect(capture.ended).rejects.toMatchObject({
    kind: 'log-record-too-large',
    message: expect.stringMatching(/a change of customers has 9\d{5} bytes.*max\.message\.bytes/),
  });
  const again = await harness.start({ waitReady: false });
  await expect(again.ended).rejects.toMatchObject({ kind: 'log-record-too-large' });
  const admin = new kafkajs.Kafka({
    brokers: [...harness.config.kafkaBrokers],
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin();
  await admin.connect();
  const configEntries = Object.entries({ ...compacted, 'max.message.bytes': '2000000' });
  await admin.alterConfigs({
    validateOnly: false,
    resources: [
      {
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name: topic,
        configEntries: configEntries.map(([name, value]) => ({ name, value })),
      },
    ],
  });
  await admin.disconnect();
  await harness.start();
  const reader = harness.reader();
  await reader.reached(await harness.positionNow(), 60_000);
  expect(reader.problems).toEqual([]);
  const customers = reader.changes
    .filter(({ table }) => table === 'customers')
    .toSorted((a, b) => (a.lsn < b.lsn ? -1 : 1));
  expect(customers.map(({ after }) => after?.['email'])).toEqual(
    expect.arrayContaining(['a@test', 'b@test', 'large@test', 'after@test']),
  );
  expect(customers).toHaveLength(4);
}, 60_000);
