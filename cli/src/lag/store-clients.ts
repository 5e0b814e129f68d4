import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';

import { Redis } from 'ioredis';
import { PlatformError } from '@millrace/kernel/errors';
import { createSearchClient } from '@millrace/kernel/search-client';
import type { SearchClient } from '@millrace/kernel/search-client';
import type { CliConfig } from '../config/index.ts';

/** Connections to the three stores, as a reader outside the platform has them. */
export interface StoreClients {
  readonly redis: Redis;
  readonly search: SearchClient;
  readonly clickhouse: ClickHouseClient;
  close(): Promise<void>;
}

/** Throws `engine-unreachable` naming the store that does not answer. */
export async function openStoreClients(config: CliConfig): Promise<StoreClients> {
  const redis = new Redis(config.redisUrl, { lazyConnect: true, retryStrategy: () => null });
  // ioredis tells every failure twice, to the caller and as an event; the caller's is the one that is handled.
  redis.on('error', () => undefined);
  await redis.connect().catch((cause: unknown) => {
    throw new PlatformError('engine-unreachable', `Redis does not answer at ${config.redisUrl}`, { cause });
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
