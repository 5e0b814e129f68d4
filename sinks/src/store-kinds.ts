import { viewsInStore } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import { ClickhouseGenerations, ClickhouseSink } from './clickhouse/index.ts';
import type { SinkName, SinksConfig } from './config.ts';
import { ElasticsearchSink, SearchGenerations } from './elasticsearch/index.ts';
import type { Sink, StoreGenerations } from './port/index.ts';
import { RedisGenerations, RedisSink } from './redis/index.ts';
import type { BatchLimits } from './runner/index.ts';

const MB = 1024 * 1024;

/** A store: its views, its sinks, its generations, and how batches are cut: each store by what its writes cost. */
export interface StoreKind {
  readonly views: readonly ViewName[];
  readonly create: (config: SinksConfig, generation: number, views: readonly ViewName[]) => Sink;
  readonly generations: (config: SinksConfig) => StoreGenerations;
  readonly limits: (config: SinksConfig) => BatchLimits;
}

export const storeKinds: Readonly<Record<SinkName, StoreKind>> = {
  // A write costs little: at once, and marks alone a few at a time.
  redis: {
    views: viewsInStore.redis,
    create: ({ redisUrl, redisKeyPrefix }, generation, views) =>
      new RedisSink({ url: redisUrl, keyPrefix: redisKeyPrefix, generation, views }),
    generations: ({ redisUrl, redisKeyPrefix }) => new RedisGenerations({ url: redisUrl, keyPrefix: redisKeyPrefix }),
    limits: () => ({ lingerMs: 0, markLingerMs: 20, readEveryMs: 0, entries: 5_000, pendingBytes: 2 * MB }),
  },
  // The refresh costs, not the bulk request; it is the sink that spaces refreshes.
  elasticsearch: {
    views: viewsInStore.elasticsearch,
    create: (config, generation) =>
      new ElasticsearchSink({ ...searchOptions(config), generation, refreshIntervalMs: config.searchRefreshMs }),
    generations: (config) => new SearchGenerations(searchOptions(config)),
    limits: () => ({ lingerMs: 100, markLingerMs: 400, readEveryMs: 50, entries: 2_000, pendingBytes: 8 * MB }),
  },
  // Each insert is a part that the store merges later: few and large.
  clickhouse: {
    views: viewsInStore.clickhouse,
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
