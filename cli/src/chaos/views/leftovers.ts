import { scanRedis } from '@millrace/kernel/redis-client';
import { sleep } from '@millrace/kernel/retry';
import {
  clickhouseGenerationViews,
  clickhouseNames,
  redisNames,
  searchNames,
  viewNames,
} from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import type { CliConfig } from '../../config/index.ts';
import { openGenerationRows } from '../../generations/index.ts';
import { openStoreClients } from '../../lag/index.ts';
import type { StoreClients } from '../../lag/index.ts';

const GONE_MS = 60_000;
/** More than any view had. */
const MOST_GENERATIONS = 200;

/** What stores still hold, after a while, of generations that no row names any more. */
export async function leftovers(config: CliConfig): Promise<readonly string[]> {
  const rows = await openGenerationRows(config.databaseUrl);
  const clients = await openStoreClients(config);
  try {
    const named = new Map<ViewName, ReadonlySet<number | null>>();
    for (const view of viewNames) {
      const { active, previous, building } = await rows.read(view);
      named.set(view, new Set([active, previous, building]));
    }
    const deadlineMs = performance.now() + GONE_MS;
    for (;;) {
      const left = await unnamed(clients, config, named);
      if (left.length === 0 || performance.now() > deadlineMs) return left;
      await sleep(500);
    }
  } finally {
    await rows.close();
    await clients.close();
  }
}

async function unnamed(
  clients: StoreClients,
  config: CliConfig,
  named: ReadonlyMap<ViewName, ReadonlySet<number | null>>,
): Promise<string[]> {
  const keys = await redisKeys(clients, config);
  const tables = await clickhouseTables(clients, config);
  const left: string[] = [];
  for (const [view, generations] of named) {
    for (let generation = 2; generation <= MOST_GENERATIONS; generation++) {
      if (generations.has(generation)) continue;
      const names = redisNames(config.redisKeyPrefix, () => generation);
      const starts = [...names.patterns(view).map((pattern) => pattern.replace(/\*.*$/, '')), names.watermark(view)];
      const key = keys.find((candidate) => starts.some((start) => candidate.startsWith(start)));
      if (key !== undefined) left.push(`redis holds ${key}, of a generation that is gone`);
      const clickhouse = clickhouseNames(config.clickhouseDatabase, () => generation);
      for (const [name, owner] of Object.entries(clickhouseGenerationViews)) {
        const table = clickhouse.generationView(name as keyof typeof clickhouseGenerationViews);
        if (owner === view && tables.has(table)) left.push(`clickhouse holds ${table}, which is gone`);
      }
    }
  }
  const catalog = named.get('catalog');
  for (const index of await searchIndices(clients, config)) {
    const generation = Number(/_g(\d+)$/.exec(index)?.[1]);
    if (catalog?.has(generation) === false) left.push(`search holds ${index}, which is gone`);
  }
  return left;
}

/** Of generations after the first. */
async function redisKeys({ redis }: StoreClients, { redisKeyPrefix }: CliConfig): Promise<string[]> {
  const found: string[] = [];
  for await (const keys of scanRedis(redis, `${redisKeyPrefix}g*:*`, 2_000)) found.push(...keys);
  return found;
}

async function clickhouseTables({ clickhouse }: StoreClients, config: CliConfig): Promise<ReadonlySet<string>> {
  const answer = await clickhouse.query({
    query: `select concat(database, '.', name) as name from system.tables where database = {database:String}`,
    query_params: { database: config.clickhouseDatabase },
    format: 'JSONEachRow',
  });
  return new Set((await answer.json<{ name: string }>()).map(({ name }) => name));
}

async function searchIndices({ search }: StoreClients, { searchIndexPrefix }: CliConfig): Promise<string[]> {
  const { productsIndex } = searchNames(searchIndexPrefix, 1);
  const pattern = productsIndex.replace(/1$/, '*');
  return Object.keys(await search.indices.get({ index: pattern }));
}
