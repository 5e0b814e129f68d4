import type { CliConfig } from '../config/index.ts';
import { openStoreClients } from '../lag/store-clients.ts';
import { clickhouseStoreViews } from './stores/clickhouse.ts';
import { redisStoreViews } from './stores/redis.ts';
import { searchStoreViews } from './stores/search.ts';
import type { StoreView } from './store-view.ts';

/** Every view in every store that holds it. Close when done. */
export async function openStoreViews(
  config: CliConfig,
): Promise<{ views: readonly StoreView[]; close(): Promise<void> }> {
  const clients = await openStoreClients(config);
  const views = [
    ...redisStoreViews(clients, config),
    ...searchStoreViews(clients, config),
    ...clickhouseStoreViews(clients, config),
  ];
  return { views, close: () => clients.close() };
}
