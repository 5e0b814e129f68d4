import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { PlatformError } from '@millrace/kernel/errors';
import { connectRedis, createRedisClient, redisAddress } from '@millrace/kernel/redis-client';
import type { RedisClient } from '@millrace/kernel/redis-client';
import { createSearchClient } from '@millrace/kernel/search-client';
import type { SearchClient } from '@millrace/kernel/search-client';
import type { CliConfig } from '../config/index.ts';

/** Connections to the three stores, as a reader outside the platform has them. */
export interface StoreClients {
  readonly redis: RedisClient;
  readonly search: SearchClient;
  readonly clickhouse: ClickHouseClient;
  close(): Promise<void>;
}

const REDIS_TIMEOUT_MS = 30_000;

/** Throws `engine-unreachable` naming the store that does not answer. */
export async function openStoreClients(config: CliConfig): Promise<StoreClients> {
  const redis = createRedisClient(config.redisUrl, { commandTimeoutMs: REDIS_TIMEOUT_MS });
  await connectRedis(redis).catch((cause: unknown) => {
    throw new PlatformError('engine-unreachable', `Redis does not answer at ${whereRedisIs(config.redisUrl)}`, {
      cause,
    });
  });
  const search = createSearchClient(config.elasticsearchUrl, config.searchFlavor);
  const clickhouse = createClient({
    url: config.clickhouseUrl,
    database: config.clickhouseDatabase,
    log: { level: ClickHouseLogLevel.OFF },
  });
  return {
    redis,
    search,
    clickhouse,
    async close() {
      redis.disconnect();
      await Promise.all([search.close(), clickhouse.close()]);
    },
  };
}

/** Without user and password. */
function whereRedisIs(url: string): string {
  return redisAddress(url)
    .nodes.map(({ host, port }) => `${host}:${port}`)
    .join(', ');
}
