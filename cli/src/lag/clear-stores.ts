import { PlatformError } from '@millrace/kernel/errors';
import { removeFromRedis } from '@millrace/kernel/redis-client';
import type { SearchClient } from '@millrace/kernel/search-client';
import type { CliConfig } from '../config/index.ts';
import { openStoreClients } from './store-clients.ts';

const KEYS_AT_ONCE = 5_000;
const SHARED_DATABASES: readonly string[] = ['default', 'system', 'information_schema', 'millrace'];

/** What a platform in the stores goes by. */
export type StoreNames = Pick<CliConfig, 'redisKeyPrefix' | 'searchIndexPrefix' | 'clickhouseDatabase'>;

/**
 * Removes all that a platform under these names has in the three stores; nothing where it has nothing. For the names of a test or a bench: they
 * are refused where they are not a platform's own (an empty prefix, one with wildcards, a database that others use).
 * @throws PlatformError `config-invalid` for such names, before anything is removed.
 */
export async function clearStores(config: CliConfig): Promise<void> {
  ownNames(config);
  const { redisKeyPrefix, searchIndexPrefix, clickhouseDatabase } = config;
  // Not through a connection that stands in the database which goes: it may not be there.
  const clients = await openStoreClients({ ...config, clickhouseDatabase: 'default' });
  try {
    await clients.clickhouse.command({
      query: 'drop database if exists {name:Identifier}',
      query_params: { name: clickhouseDatabase },
    });
    await dropIndices(clients.search, `${searchIndexPrefix}*`);
    await removeFromRedis(clients.redis, `${redisKeyPrefix}*`, KEYS_AT_ONCE);
  } finally {
    await clients.close();
  }
}

/** By name: Elasticsearch refuses to delete by a pattern. */
async function dropIndices(search: SearchClient, pattern: string): Promise<void> {
  const held = await search.indices.get({ index: pattern, allow_no_indices: true });
  const index = Object.keys(held);
  if (index.length > 0) await search.indices.delete({ index, ignore_unavailable: true });
}

/** Refuses names that other platforms may share. */
export function ownNames({ redisKeyPrefix, searchIndexPrefix, clickhouseDatabase }: StoreNames): void {
  const refused = [
    ...(isPrefix(redisKeyPrefix) ? [] : ['REDIS_KEY_PREFIX']),
    ...(isPrefix(searchIndexPrefix) ? [] : ['SEARCH_INDEX_PREFIX']),
    ...(isPrefix(clickhouseDatabase) && !SHARED_DATABASES.includes(clickhouseDatabase) ? [] : ['CLICKHOUSE_DATABASE']),
  ];
  if (refused.length === 0) return;
  throw new PlatformError(
    'config-invalid',
    `${refused.join(', ')}: not a name of its own, so nothing is removed from the stores`,
  );
}

/** Something that begins with a letter and holds no pattern: `*` would match what is others'. */
const isPrefix = (name: string): boolean => /^[a-z][\w.:-]*$/i.test(name);
