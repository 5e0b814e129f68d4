import type { Service, ServiceContext } from '@millrace/kernel/lifecycle';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import type { ViewName } from '@millrace/schemas/stores';
import { viewNames } from '@millrace/schemas/stores';
import { ClickhouseGenerations, ClickhouseSink } from './clickhouse/index.ts';
import type { SinkName, SinksConfig } from './config.ts';
import { ElasticsearchSink, SearchGenerations } from './elasticsearch/index.ts';
import { GenerationFollower, StoreFollower } from './generations/index.ts';
import type { Sink, StoreGenerations } from './port/index.ts';
import { RedisGenerations, RedisSink } from './redis/index.ts';
import { SinkRunner, sinkMetrics } from './runner/index.ts';
import type { BatchLimits } from './runner/index.ts';
import { sinksService } from './sinks-service.ts';

const MB = 1024 * 1024;

/** A store: its views, its sinks, its generations, and how batches are cut: each store by what its writes cost. */
interface StoreKind {
  readonly views: readonly ViewName[];
  readonly create: (config: SinksConfig, generation: number, views: readonly ViewName[]) => Sink;
  readonly generations: (config: SinksConfig) => StoreGenerations;
  readonly limits: (config: SinksConfig) => BatchLimits;
}

const kinds: Readonly<Record<SinkName, StoreKind>> = {
  // A write costs little: at once, and marks alone a few at a time.
  redis: {
    views: viewNames,
    create: ({ redisUrl, redisKeyPrefix }, generation, views) =>
      new RedisSink({ url: redisUrl, keyPrefix: redisKeyPrefix, generation, views }),
    generations: ({ redisUrl, redisKeyPrefix }) => new RedisGenerations({ url: redisUrl, keyPrefix: redisKeyPrefix }),
    limits: () => ({ lingerMs: 0, markLingerMs: 20, readEveryMs: 0, entries: 5_000, pendingBytes: 2 * MB }),
  },
  // The refresh costs, not the bulk request; it is the sink that spaces refreshes.
  elasticsearch: {
    views: ['catalog'],
    create: (config, generation) =>
      new ElasticsearchSink({ ...searchOptions(config), generation, refreshIntervalMs: config.searchRefreshMs }),
    generations: (config) => new SearchGenerations(searchOptions(config)),
    limits: () => ({ lingerMs: 100, markLingerMs: 400, readEveryMs: 50, entries: 2_000, pendingBytes: 8 * MB }),
  },
  // Each insert is a part that the store merges later: few and large.
  clickhouse: {
    views: viewNames,
    create: ({ clickhouseUrl, clickhouseDatabase, customerKeySecret }, generation, views) =>
      new ClickhouseSink({
        url: clickhouseUrl,
        database: clickhouseDatabase,
        customerSecret: customerKeySecret.reveal(),
        generation,
        views,
      }),
    generations: ({ clickhouseUrl, clickhouseDatabase }) =>
      new ClickhouseGenerations({ url: clickhouseUrl, database: clickhouseDatabase }),
    limits: ({ clickhouseLingerMs }) => ({
      lingerMs: clickhouseLingerMs,
      markLingerMs: clickhouseLingerMs,
      readEveryMs: 100,
      entries: 20_000,
      pendingBytes: 8 * MB,
    }),
  },
};

function searchOptions({ elasticsearchUrl, searchFlavor, searchIndexPrefix }: SinksConfig) {
  return { url: elasticsearchUrl, flavor: searchFlavor, indexPrefix: searchIndexPrefix };
}

/** The deployable: every chosen store with all generations of its views, in this process. */
export async function buildSinks({
  config,
  logger,
  metrics,
  releasers,
}: ServiceContext<SinksConfig>): Promise<Service> {
  const { topicPrefix } = config;
  const log = createKafkaLog({ brokers: config.kafkaBrokers, clientId: 'millrace-sinks', logger });
  releasers.push('log', () => log.close());
  const registry = await createSchemaRegistry(config.schemaRegistryUrl);
  const shared = sinkMetrics(metrics);
  const stores = config.sinks.map((name) => {
    const { views, create, generations, limits } = kinds[name];
    return new StoreFollower({
      store: name,
      views,
      createSink: (generation, its) => create(config, generation, its),
      createRunner: (sink, pace) =>
        new SinkRunner({
          sink,
          limits: limits(config),
          log,
          registry,
          topicPrefix,
          logger: logger.child({ component: sink.name }),
          metrics: shared,
          ...(pace === null ? {} : { pace }),
        }),
      generations: generations(config),
      logger,
    });
  });
  const follower = new GenerationFollower({
    log,
    registry,
    topicPrefix,
    logger,
    onRows: (rows) => {
      for (const store of stores) store.follow(rows);
    },
  });
  return sinksService(stores, follower);
}
