import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testEngines } from '@millrace/infra-local/testing';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import type { LogClient } from '@millrace/kernel/log';
import { TcpProxy } from '@millrace/kernel/log/testing';
import { silentLogger } from '@millrace/kernel/telemetry';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { WebSocket } from 'ws';
import { createRealtimeClient } from '../client/index.ts';
import type { TopicEvent } from '../client/index.ts';
import { ViewWriter, orderEntry, stockEntry } from '../feed/testing/index.ts';
import type { GatewayOptions } from './index.ts';
import { RawClient, customerToken, runGateway } from './testing/index.ts';
import type { RunningGateway } from './testing/index.ts';

const CUSTOMER = '01900000-0000-7000-8000-00000000000a';
const prefix = `realtime-${process.pid}-${Date.now()}.`;
const released: (() => Promise<unknown>)[] = [];
let registry: SchemaRegistry;
let log: LogClient;
let writer: ViewWriter;
let lsn = 1_000n;

const kafka = (brokers: readonly string[]): LogClient => {
  const client = createKafkaLog({ brokers, clientId: 'realtime-test', logger: silentLogger() });
  released.push(() => client.close());
  return client;
};
const position = (at: bigint): string => String(at).padStart(20, '0');

beforeAll(async () => {
  const engines = testEngines();
  registry = await createSchemaRegistry(engines.schemaRegistryUrl);
  log = kafka(engines.kafkaBrokers);
  writer = await ViewWriter.open(log, registry, prefix);
}, 60_000);

afterAll(async () => {
  await log.admin.deleteTopics((await log.admin.listTopics()).filter((topic) => topic.startsWith(prefix)));
  for (const release of released.reverse()) await release();
}, 60_000);

async function start(client: LogClient = log, options: Partial<GatewayOptions> = {}): Promise<RunningGateway> {
  return runGateway(client, registry, { transport: 'auto', topicPrefix: prefix, drainMs: 50, ...options });
}

async function stock(id: string, available: number | null): Promise<string> {
  lsn += 1n;
  await writer.write(stockEntry(id, lsn, available, Date.now() * 1000));
  return position(lsn);
}

describe('the gateway on Kafka', () => {
  test('snapshot, update, resume, orders with a token, a frame that is not JSON, a malformed record', async () => {
    const first = await stock('a', 5);
    await writer.write(orderEntry('o', ++lsn, CUSTOMER));
    const gateway = await start();
    const client = await RawClient.open(gateway.url);
    client.send({ type: 'subscribe', id: '1', topics: ['stock:a'] });
    expect(await client.take(2)).toMatchObject([
      { type: 'subscribed', id: '1' },
      { type: 'snapshot', topic: 'stock:a', position: first, data: { available: 5 } },
    ]);
    const second = await stock('a', 4);
    expect(await client.next()).toMatchObject({ type: 'update', position: second, data: { available: 4 } });

    client.send('not JSON');
    expect(await client.next()).toMatchObject({ type: 'error', code: 'not-json' });
    await writer.raw('stock', 'a', [{ key: Buffer.from('stock:a'), value: Buffer.from('malformed') }]);
    const third = await stock('a', 3);
    expect(await client.next()).toMatchObject({ type: 'update', position: third, data: { available: 3 } });
    expect(gateway.status?.()).toMatchObject({ feed: { malformed: 1 } });

    client.send([
      { type: 'auth', token: await customerToken(CUSTOMER) },
      { type: 'subscribe', topics: ['order:o'] },
    ]);
    expect(await client.take(2)).toMatchObject([{ topics: ['order:o'] }, { data: { status: 'pending' } }]);
    const deleted = await stock('a', null);
    expect(await client.next()).toMatchObject({ type: 'update', position: deleted, data: null });
    client.close();
    await gateway.stop();

    // Another gateway, from the log alone: knows the same, sends only what is newer than the client has.
    const other = await start();
    const again = await RawClient.open(other.url);
    again.send({ type: 'subscribe', topics: ['stock:a'], resume: { 'stock:a': third } });
    expect(await again.take(2)).toMatchObject([{ type: 'subscribed' }, { type: 'snapshot', data: null }]);
    await other.stop();
  }, 60_000);

  test('when Kafka goes away clients stay and hear nothing false; when it is back they get what they missed', async () => {
    const proxy = await TcpProxy.open(testEngines().kafkaBrokers[0] ?? '');
    released.push(() => proxy.close());
    const before = await stock('b', 9);
    const gateway = await start(kafka([proxy.address]));
    const client = await RawClient.open(gateway.url);
    client.send({ type: 'subscribe', topics: ['stock:b'] });
    expect((await client.take(2))[1]).toMatchObject({ position: before });

    proxy.onAnswer = () => false;
    proxy.cut();
    const missed = await stock('b', 8);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const late = await RawClient.open(gateway.url);
    late.send({ type: 'subscribe', topics: ['stock:b'] });
    expect((await late.take(2))[1]).toMatchObject({ position: before, data: { available: 9 } });
    expect(await client.settle()).toEqual([]);

    proxy.onAnswer = () => true;
    expect(await client.next(20_000)).toMatchObject({ type: 'update', position: missed, data: { available: 8 } });
    expect(await late.next(20_000)).toMatchObject({ position: missed });
    await gateway.stop();
  }, 60_000);

  test('the client goes on over a restarted gateway, and no topic goes back', async () => {
    let gateway = await start();
    const { port } = gateway;
    const events: TopicEvent[] = [];
    const client = createRealtimeClient({
      url: gateway.url,
      connect: (url, protocol) => new WebSocket(url, protocol),
    });
    released.push(() => {
      client.close();
      return Promise.resolve();
    });
    client.subscribe(['stock:c', 'stock:d'], (event) => void events.push(event));
    const positionsOf = (topic: string): string[] =>
      events.flatMap((event) => (event.topic === topic && 'position' in event ? [event.position] : []));
    const reaches = async (topic: string, wanted: string): Promise<void> => {
      const deadline = Date.now() + 20_000;
      while (positionsOf(topic).at(-1) !== wanted) {
        if (Date.now() > deadline) throw new Error(`${topic} did not reach ${wanted}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await reaches('stock:c', positionsOf('stock:c').at(-1) ?? (await stock('c', 1)));
    await reaches('stock:d', await stock('d', 1));
    for (let round = 0; round < 2; round++) {
      await gateway.stop();
      const missed = await stock('c', 10 + round);
      gateway = await start(log, { port });
      await reaches('stock:c', missed);
      await reaches('stock:d', await stock('d', 20 + round));
    }
    for (const topic of ['stock:c', 'stock:d']) {
      const positions = positionsOf(topic);
      expect(positions).toEqual([...new Set(positions)].sort());
    }
    // What had not changed while away was not sent again.
    expect(positionsOf('stock:d').filter((at) => at !== position(0n))).toHaveLength(3);
    client.close();
    await gateway.stop();
  }, 60_000);
});
