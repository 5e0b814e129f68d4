import { scanRedis } from '@millrace/kernel/redis-client';
import { clickhouseNames, redisNames, searchNames } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import type { CliConfig } from '../config/index.ts';
import { generationMarks, storesHolding } from '../lag/index.ts';
import type { StoreClients, StoreName } from '../lag/index.ts';

/** What one generation of a view takes in a store. */
export interface GenerationSize {
  readonly store: StoreName;
  /** Null where the store cannot tell without reading everything. */
  readonly documents: number | null;
  /** On disk; for Redis in memory, from a sample. */
  readonly bytes: number | null;
  /** Records of the view's topic that were read for it, those that compaction has taken since included. */
  readonly records: number;
}

const SAMPLE = 200;

/** Sizes of one generation in every store that holds the view. */
export async function generationSizes(
  clients: StoreClients,
  config: CliConfig,
  view: ViewName,
  generation: number,
): Promise<GenerationSize[]> {
  const marks = await generationMarks(clients, config, view, generation);
  const records = (store: StoreName): number =>
    marks.filter((mark) => mark.store === store).reduce((sum, { offset }) => sum + Number(offset), 0);
  const analytics = await clickhouseSize(clients, config, view, generation);
  const sizes: Record<StoreName, () => Promise<Omit<GenerationSize, 'store' | 'records'>>> = {
    redis: async () => ({
      documents: analytics.documents,
      bytes: await redisBytes(clients, config, view, generation, analytics.documents),
    }),
    elasticsearch: () => searchSize(clients, config, generation),
    clickhouse: () => Promise.resolve(analytics),
  };
  return Promise.all(
    storesHolding(view).map(async (store) => ({ store, records: records(store), ...(await sizes[store]()) })),
  );
}

async function clickhouseSize(clients: StoreClients, config: CliConfig, view: ViewName, generation: number) {
  const { tables } = clickhouseNames(config.clickhouseDatabase, () => generation);
  const [root, ...more] = {
    catalog: [tables.products],
    inventory: [tables.stock, tables.movements],
    pricing: [tables.prices, tables.priceChanges],
    orders: [tables.orders],
    sales: [tables.saleDeltas],
    carts: [tables.carts],
    recommendations: [tables.recommendations],
    behaviour: [tables.sessions, tables.lateBehaviour],
  }[view].map((name) => name.slice(config.clickhouseDatabase.length + 1));
  const rowsOf = async <T>(query: string, query_params: Record<string, unknown>): Promise<T[]> =>
    (await clients.clickhouse.query({ query, query_params, format: 'JSONEachRow' })).json<T>();
  const [documents] = await rowsOf<{ n: string }>(
    'select toString(count()) as n from {table:Identifier} final where deleted = 0',
    { table: root },
  );
  const [parts] = await rowsOf<{ bytes: string }>(
    `select toString(sum(bytes_on_disk)) as bytes from system.parts
     where active and database = {database:String} and table in {tables:Array(String)}`,
    { database: config.clickhouseDatabase, tables: [root, ...more] },
  );
  return { documents: Number(documents?.n ?? 0), bytes: Number(parts?.bytes ?? 0) };
}

async function searchSize(clients: StoreClients, config: CliConfig, generation: number) {
  const names = searchNames(config.searchIndexPrefix, generation);
  const { count } = await clients.search.count({ index: names.presentAlias });
  const stats = await clients.search.indices.stats({ index: names.productsIndex, metric: 'store' });
  return { documents: count, bytes: stats._all.primaries?.store?.size_in_bytes ?? null };
}

/** The mean of some entries that a scan comes by, times their number. */
async function redisBytes(
  clients: StoreClients,
  config: CliConfig,
  view: ViewName,
  generation: number,
  documents: number,
): Promise<number | null> {
  const [pattern] = redisNames(config.redisKeyPrefix, () => generation).patterns(view);
  const keys: string[] = [];
  for await (const found of scanRedis(clients.redis, pattern ?? '')) {
    keys.push(...found);
    if (keys.length >= SAMPLE) break;
  }
  if (keys.length === 0) return null;
  let bytes = 0;
  for (const key of keys.slice(0, SAMPLE)) bytes += (await clients.redis.memory('USAGE', key)) ?? 0;
  return Math.round((bytes / Math.min(SAMPLE, keys.length)) * documents);
}
