import type { Service, ServiceContext } from '@millrace/kernel/lifecycle';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import { ClickhouseSink } from './clickhouse/index.ts';
import type { SinkName, SinksConfig } from './config.ts';
import { ElasticsearchSink } from './elasticsearch/index.ts';
import type { Sink } from './port/index.ts';
import { RedisSink } from './redis/index.ts';
import { SinkRunner, sinkMetrics } from './runner/index.ts';
import type { BatchLimits } from './runner/index.ts';
import { sinksService } from './sinks-service.ts';

const MB = 1024 * 1024;

/** A sink and how its batches are cut: each store by what its writes cost. */
const kinds: Readonly<
  Record<SinkName, { create: (config: SinksConfig) => Sink; limits: (config: SinksConfig) => BatchLimits }>
> = {
  // A write costs little: at once, and marks alone a few at a time.
  redis: {
    create: ({ redisUrl, redisKeyPrefix }) => new RedisSink({ url: redisUrl, keyPrefix: redisKeyPrefix }),
    limits: () => ({ lingerMs: 0, markLingerMs: 20, readEveryMs: 0, entries: 5_000, pendingBytes: 2 * MB }),
  },
  // The refresh costs, not the bulk request; it is the sink that spaces refreshes.
  elasticsearch: {
    create: ({ elasticsearchUrl, searchFlavor, searchIndexPrefix, searchRefreshMs }) =>
      new ElasticsearchSink({
        url: elasticsearchUrl,
        flavor: searchFlavor,
        indexPrefix: searchIndexPrefix,
        refreshIntervalMs: searchRefreshMs,
      }),
    limits: () => ({ lingerMs: 100, markLingerMs: 400, readEveryMs: 50, entries: 2_000, pendingBytes: 8 * MB }),
  },
  // Each insert is a part that the store merges later: few and large.
  clickhouse: {
    create: ({ clickhouseUrl, clickhouseDatabase, customerKeySecret }) =>
      new ClickhouseSink({
        url: clickhouseUrl,
        database: clickhouseDatabase,
        customerSecret: customerKeySecret.reveal(),
      }),
    limits: ({ clickhouseLingerMs }) => ({
      lingerMs: clickhouseLingerMs,
      markLingerMs: clickhouseLingerMs,
      readEveryMs: 100,
      entries: 20_000,
      pendingBytes: 8 * MB,
    }),
  },
};

/** The deployable: one runner for each chosen store, all in this process. */
export async function buildSinks({
  config,
  logger,
  metrics,
  releasers,
}: ServiceContext<SinksConfig>): Promise<Service> {
  const log = createKafkaLog({ brokers: config.kafkaBrokers, clientId: 'millrace-sinks', logger });
  releasers.push('log', () => log.close());
  const registry = await createSchemaRegistry(config.schemaRegistryUrl);
  const shared = sinkMetrics(metrics);
  const runners = config.sinks.map(
    (name) =>
      new SinkRunner({
        sink: kinds[name].create(config),
        limits: kinds[name].limits(config),
        log,
        registry,
        topicPrefix: config.topicPrefix,
        logger: logger.child({ component: name }),
        metrics: shared,
      }),
  );
  return sinksService(runners);
}
