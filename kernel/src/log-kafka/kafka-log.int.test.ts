import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testEngines } from '@millrace/infra-local/testing';
import { Kafka, CompressionTypes, Partitioners, logLevel } from 'kafkajs';
import { TcpProxy } from '../log/testing/tcp-proxy.ts';
import { logContract } from '../log/testing/contract.ts';
import { atLeast, openWriter, partitionsOf, readAll, readUntil, record } from '../log/testing/reading.ts';
import type { LogClient } from '../log/index.ts';
import { silentLogger } from '../telemetry/index.ts';
import { createKafkaLog } from './index.ts';

const runId = `kafka-log-${process.pid}-${Date.now()}`;
let topics = 0;
const newTopic = (): string => `${runId}-${++topics}`;
const made: LogClient[] = [];

function client(brokers: readonly string[], options: { appendTimeoutMs?: number } = {}): LogClient {
  const log = createKafkaLog({ brokers, clientId: 'test', logger: silentLogger(), ...options });
  made.push(log);
  return log;
}

logContract(
  'log-kafka',
  () => {
    const { kafkaBrokers } = testEngines();
    return Promise.resolve({
      client: () => client(kafkaBrokers),
      topic: newTopic,
      close: () => Promise.resolve(),
    });
  },
  ['compaction'],
);

describe('log-kafka over a failing network', () => {
  let direct: LogClient;
  let proxy: TcpProxy;

  beforeAll(async () => {
    const { kafkaBrokers } = testEngines();
    direct = client(kafkaBrokers);
    proxy = await TcpProxy.open(kafkaBrokers[0] ?? '');
  });
  afterAll(async () => {
    await Promise.all(made.map((log) => log.close()));
    const cleaner = createKafkaLog({ brokers: testEngines().kafkaBrokers, clientId: 'test', logger: silentLogger() });
    await cleaner.admin.deleteTopics((await cleaner.admin.listTopics()).filter((topic) => topic.startsWith(runId)));
    await cleaner.close();
    await proxy.close();
  }, 60_000);

  const makeTopic = async (partitions: number, config: Record<string, string> = {}): Promise<string> => {
    const topic = newTopic();
    await direct.admin.ensureTopics([{ topic, partitions, config }]);
    return topic;
  };

  test('loses and doubles nothing when connections are cut with appends in flight', async () => {
    const topic = await makeTopic(3);
    const writer = await openWriter(client([proxy.address]), partitionsOf(topic, 3));
    let answers = 0;
    // Every seventh answer is lost after the broker did the work; now and then all connections are.
    proxy.onAnswer = () => ++answers % 7 !== 0;
    const results = await Promise.all(
      Array.from({ length: 150 }, async (_, call) => {
        if (call % 50 === 49) proxy.cut();
        return writer.append(
          partitionsOf(topic, 3).map((at) => ({ ...at, records: [record(`${call}`), record(`${call}+`)] })),
        );
      }),
    );
    proxy.onAnswer = () => true;
    const read = await readAll(direct, topic);
    for (const partition of [0, 1, 2]) {
      const keys = read.filter((found) => found.partition === partition).map(({ key }) => key);
      expect(keys).toEqual(['_barrier', ...Array.from({ length: 150 }, (_, call) => [`${call}`, `${call}+`]).flat()]);
      expect(results.map((result) => result[partition]?.baseOffset)).toEqual(
        Array.from({ length: 150 }, (_, call) => BigInt(1 + 2 * call)),
      );
    }
    expect(answers).toBeGreaterThan(20);
  }, 60_000);

  test('reads everything once while its connections are cut', async () => {
    const topic = await makeTopic(2);
    const writer = await openWriter(direct, partitionsOf(topic, 2));
    for (let call = 0; call < 20; call++) {
      await writer.append(
        partitionsOf(topic, 2).map((at) => ({
          ...at,
          records: Array.from({ length: 50 }, (_, i) => record(`${call * 50 + i}`)),
        })),
      );
    }
    const reader = client([proxy.address]).createReader({ maxBytes: 2_000 });
    reader.assign(partitionsOf(topic, 2).map((at) => ({ ...at, offset: 1n })));
    let answers = 0;
    proxy.onAnswer = () => ++answers % 9 !== 0;
    const read = await readUntil(reader, atLeast(2_000));
    proxy.onAnswer = () => true;
    for (const partition of [0, 1]) {
      const keys = read.filter((found) => found.partition === partition).map(({ key }) => key);
      expect(keys).toEqual(Array.from({ length: 1_000 }, (_, index) => `${index}`));
    }
  }, 60_000);

  test('says that an outcome is unknown when nothing answers in time', async () => {
    const topic = await makeTopic(1);
    const writer = await openWriter(client([proxy.address], { appendTimeoutMs: 300 }), partitionsOf(topic, 1));
    proxy.onAnswer = () => false;
    const batch = { topic, partition: 0, records: [record('a')] };
    await expect(writer.append([batch])).rejects.toMatchObject({ kind: 'log-unknown-outcome' });
    proxy.onAnswer = () => true;
    await expect(writer.append([batch])).rejects.toMatchObject({ kind: 'log-unknown-outcome' });
    // Appended or not, a new writer can tell: everything of the old one lies below its barrier.
    const next = await openWriter(direct, partitionsOf(topic, 1));
    expect([1n, 2n]).toContain(next.ends[0]?.barrierOffset);
  }, 60_000);

  test('refuses a fenced writer that comes back over a cut connection', async () => {
    const topic = await makeTopic(1);
    const zombie = await openWriter(client([proxy.address]), partitionsOf(topic, 1));
    await openWriter(direct, partitionsOf(topic, 1));
    proxy.cut();
    await expect(zombie.append([{ topic, partition: 0, records: [record('z')] }])).rejects.toMatchObject({
      kind: 'log-fenced',
    });
    expect((await readAll(direct, topic)).map(({ key }) => key)).toEqual(['_barrier', '_barrier']);
  }, 60_000);

  test('reads what other producers wrote: gzip, transactions with their control records', async () => {
    const topic = await makeTopic(1);
    const kafka = new Kafka({ brokers: [...testEngines().kafkaBrokers], logLevel: logLevel.NOTHING });
    const producer = kafka.producer({
      transactionalId: `foreign-${topic}`,
      maxInFlightRequests: 1,
      idempotent: true,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    const messages = Array.from({ length: 100 }, (_, index) => ({
      key: `${index}`,
      value: 'v'.repeat(100),
      timestamp: `${1_000 + index}`,
    }));
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages, compression: CompressionTypes.GZIP });
    await transaction.commit();
    await producer.send({ topic, messages: [{ key: 'last', value: null, headers: { a: ['1', '2'] } }] });
    await producer.disconnect();
    const reader = direct.createReader();
    reader.assign([{ topic, partition: 0, offset: 10n }]);
    const stamps: number[] = [];
    const keys: (string | undefined)[] = [];
    while (keys.at(-1) !== 'last') {
      for (const { records } of await reader.poll(30_000)) {
        for (const { key, timestampMs, headers } of records) {
          keys.push(key?.toString());
          stamps.push(timestampMs);
          if (keys.at(-1) === 'last')
            expect(headers?.map(([name, value]) => `${name}=${value.toString()}`)).toEqual(['a=1', 'a=2']);
        }
      }
    }
    expect(keys).toEqual([...Array.from({ length: 90 }, (_, index) => `${index + 10}`), 'last']);
    expect(stamps.slice(0, 90)).toEqual(Array.from({ length: 90 }, (_, index) => 1_010 + index));
    await reader.close();
  }, 60_000);
});
