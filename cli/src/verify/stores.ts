import type { ViewName } from '@millrace/schemas/stores';
import type { CliConfig } from '../config/index.ts';
import { redisGenerations } from '../lag/index.ts';
import { openStoreClients } from '../lag/store-clients.ts';
import type { StoreClients } from '../lag/store-clients.ts';
import { clickhouseStoreViews } from './stores/clickhouse.ts';
import { redisStoreViews } from './stores/redis.ts';
import { searchStoreViews } from './stores/search.ts';
import type { StoreView } from './store-view.ts';

/** Every view in every store that holds it, as readers see them now. Close when done. */
export async function openStoreViews(
  config: CliConfig,
): Promise<{ views: readonly StoreView[]; close(): Promise<void> }> {
  const clients = await openStoreClients(config);
  const views = [
    ...redisStoreViews(clients, config, await redisGenerations(clients, config)),
    ...searchStoreViews(clients, config, null),
    ...clickhouseStoreViews(clients, config, null),
  ];
  return { views, close: () => clients.close() };
}

/** One generation of a view in every store that holds it, whether readers see it or not. */
export function generationStoreViews(
  clients: StoreClients,
  config: CliConfig,
  view: ViewName,
  generation: number,
): StoreView[] {
  return [
    ...redisStoreViews(clients, config, () => generation),
    ...searchStoreViews(clients, config, generation),
    ...clickhouseStoreViews(clients, config, generation),
  ].filter((storeView) => storeView.view === view);
}
