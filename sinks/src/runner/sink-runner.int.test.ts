import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { redisKeys, testEngines } from '@millrace/infra-local/testing';
import type { LogClient, LogRecord } from '@millrace/kernel/log';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { lsnText } from '@millrace/kernel/position';
import { sleep } from '@millrace/kernel/retry';
import { createSearchClient } from '@millrace/kernel/search-client';
import { Registry, silentLogger } from '@millrace/kernel/telemetry';
import { barrierRecord, barrierSchema, watermarkRecord, watermarkSchema } from '@millrace/schemas/markers';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import {
  clickhouseNames,
  redisNames,
  searchNames,
  topicOfView,
  viewNames,
  viewsInStore,
} from '@millrace/schemas/stores';
import { createViewCodec } from '@millrace/schemas/views';
import type { ViewEntry, ViewKind } from '@millrace/schemas/views';
import { createClickhouse } from '../clickhouse/client.ts';
import { ClickhouseSink } from '../clickhouse/index.ts';
import { ElasticsearchSink } from '../elasticsearch/index.ts';
import { newestEntries } from '../port/index.ts';
import { batchesOf } from '../port/testing/batches.ts';
import { historyOf } from '../port/testing/entries.ts';
import { endpointOf, startTcpProxy, through } from '../port/testing/tcp-proxy.ts';
import type { TcpProxy } from '../port/testing/tcp-proxy.ts';
import { createRedis } from '../redis/client.ts';
import { RedisSink } from '../redis/index.ts';
import { SinkRunner, sinkMetrics } from './index.ts';

const engines = testEngines();
const id = `${process.pid}-${Date.now()}`;
const topicPrefix = `t${id}.`;
const keyPrefix = `test:${id}:`;
const indexPrefix = `test-${id}-`;
const database = `test_run_${id.replace('-', '_')}`;
const limits = { lingerMs: 20, markLingerMs: 20, readEveryMs: 0, entries: 1000, pendingBytes: 1_000_000 };
const specs = viewNames.map((view) => ({
  topic: topicPrefix + topicOfView(view),
  partitions: 2,
  config: { 'cleanup.policy': 'compact' },
}));

let log: LogClient;
let registry: SchemaRegistry;
const proxies: TcpProxy[] = [];

beforeAll(async () => {
  log = createKafkaLog({ brokers: engines.kafkaBrokers, clientId: 'sinks-test', logger: silentLogger() });
  registry = await createSchemaRegistry(engines.schemaRegistryUrl);
  await log.admin.ensureTopics(specs);
}, 60_000);

afterAll(async () => {
  await log.admin.deleteTopics(specs.map(({ topic }) => topic));
  await log.close();
  for (const proxy of proxies) await proxy.close();
}, 60_000);

async function proxied(url: string): Promise<string> {
  const proxy = await startTcpProxy(endpointOf(url));
  proxies.push(proxy);
  return through(proxy, url);
}

/** Appends as the processors do: a batch's entries and its watermark in one record batch. */
async function publish(history: readonly ViewEntry[]): Promise<{ lsn: bigint }> {
  const barrierId = await registry.register(`${topicPrefix}views.orders`, barrierSchema);
  const writer = await log.openWriter({
    name: `${topicPrefix}writer`,
    partitions: specs.flatMap(({ topic, partitions }) =>
      Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
    ),
    barrier: (epoch) => barrierRecord(barrierId, 'test', epoch),
  });
  const last = history.at(-1)?.lsn ?? 0n;
  for (const { view, partition, entries, applied } of batchesOf(history)) {
    const topic = topicPrefix + topicOfView(view);
    const codec = await createViewCodec(registry, topic);
    const watermarkId = await registry.register(topic, watermarkSchema);
    const mark = watermarkRecord(watermarkId, { lsn: applied.lsn, tsUs: applied.committedAtMs * 1000 });
    await writer.append([{ topic, partition, records: [...entries.flatMap((entry) => codec.encode(entry)), mark] }]);
  }
  for (const view of viewNames) {
    const topic = topicPrefix + topicOfView(view);
    const end: LogRecord = watermarkRecord(await registry.register(topic, watermarkSchema), {
      lsn: last,
      tsUs: history.at(-1)?.tsUs ?? 0,
    });
    await writer.append([0, 1].map((partition) => ({ topic, partition, records: [end] })));
  }
  await writer.close();
  return { lsn: last };
}

test('three stores follow the same log over cut connections, and hold what was written', async () => {
  const redisUrl = await proxied(engines.redisUrl);
  const searchUrl = await proxied(engines.elasticsearchUrl);
  const clickhouseUrl = await proxied(engines.clickhouseUrl);
  const metrics = sinkMetrics(new Registry());
  const runners = [
    new RedisSink({ url: redisUrl, keyPrefix }),
    new ElasticsearchSink({ url: searchUrl, flavor: engines.searchFlavor, indexPrefix, refreshIntervalMs: 50 }),
    new ClickhouseSink({ url: clickhouseUrl, database, customerSecret: 'a secret of the tests' }),
  ].map((sink) => new SinkRunner({ sink, log, registry, topicPrefix, limits, logger: silentLogger(), metrics }));
  const stop = new AbortController();
  const running = Promise.all(runners.map((runner) => runner.run(stop.signal)));
  running.catch(() => undefined);
  const until = async (what: string, condition: () => boolean): Promise<void> => {
    for (let tries = 0; !condition(); tries++) {
      if (tries > 1200) throw new Error(`${what}: ${JSON.stringify(runners.map((runner) => runner.status()))}`);
      await sleep(50);
    }
  };
  const reached = (lsn: bigint) => (): boolean =>
    runners.every((runner) => {
      const { partitions, state } = runner.status();
      const views = viewsInStore[runner.name as keyof typeof viewsInStore].length;
      return (
        state === 'running' && partitions.length === views * 2 && partitions.every((at) => at.position >= lsnText(lsn))
      );
    });

  const history = historyOf(31);
  const half = Math.floor(history.length / 2);
  const { lsn: middle } = await publish(history.slice(0, half));
  await until('the first half', reached(middle));
  for (const proxy of proxies) await proxy.cut();
  const { lsn: end } = await publish(history.slice(half));
  await until('waiting for the stores', () => runners.every((runner) => runner.status().state === 'waiting'));
  for (const proxy of proxies) await proxy.mend();
  await until('the second half', reached(end));
  stop.abort(new Error('the test ends'));
  await running;

  const alive = newestEntries(batchesOf(history)).filter(({ data }) => data !== null);
  const idsOf = (kind: ViewKind): string[] =>
    alive
      .filter((entry) => entry.kind === kind)
      .map((entry) => entry.id)
      .sort();
  await expectRedis(alive);
  const search = createSearchClient(engines.elasticsearchUrl, engines.searchFlavor);
  const { hits } = await search.search({ index: searchNames(indexPrefix).productsAlias, size: 100 });
  expect(hits.hits.map(({ _id }) => _id).sort()).toEqual(idsOf('product'));
  await search.indices.delete({ index: `${indexPrefix}*` });
  await search.close();
  const clickhouse = createClickhouse(engines.clickhouseUrl);
  const names = clickhouseNames(database);
  for (const [kind, view] of [
    ['product', 'products'],
    ['order', 'orders'],
  ] as const) {
    const query = `SELECT ${kind}_id AS id FROM ${names.generationView(view)} ORDER BY id`;
    const rows = await (await clickhouse.query({ query, format: 'JSONEachRow' })).json<{ id: string }>();
    expect(rows.map((row) => row.id)).toEqual(idsOf(kind));
  }
  await clickhouse.command({ query: `DROP DATABASE ${database}` });
  await clickhouse.close();
}, 120_000);

async function expectRedis(alive: readonly ViewEntry[]): Promise<void> {
  const redis = createRedis(engines.redisUrl);
  await redis.connect();
  const names = redisNames(keyPrefix);
  for (const entry of alive) {
    const key = names.entry(entry.kind, entry.id);
    if (key === null) continue;
    const [position, data] = await redis.hmget(key, 'position', 'data');
    expect(position).toBe(lsnText(entry.lsn));
    expect(JSON.parse(data ?? 'null')).toEqual(entry.data);
  }
  const keys = await redisKeys(redis, `${keyPrefix}*`);
  await redis.del(...keys);
  redis.disconnect();
}
