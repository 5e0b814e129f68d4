import type { Lsn } from '@millrace/kernel/position';
import {
  FIRST_GENERATION,
  clickhouseNames,
  parseWatermark,
  redisNames,
  searchNames,
  viewsInStore,
} from '@millrace/schemas/stores';
import type { GenerationOf, SearchGeneration, SearchWatermark, ViewName } from '@millrace/schemas/stores';
import type { CliConfig } from '../config/index.ts';
import type { StoreClients } from './store-clients.ts';

export type StoreName = 'redis' | 'elasticsearch' | 'clickhouse';

/** What a store has applied of one partition of a view. */
export interface StoreMark {
  readonly store: StoreName;
  readonly view: ViewName;
  readonly partition: number;
  readonly lsn: Lsn;
  readonly committedAtMs: number;
  /** Where its reader goes on in the view's topic. */
  readonly offset: bigint;
}

/** The generations that readers of Redis see. */
export async function redisGenerations(clients: StoreClients, config: CliConfig): Promise<GenerationOf> {
  const said = await clients.redis.hgetall(redisNames(config.redisKeyPrefix).generations);
  return (view) => Number(said[view] ?? FIRST_GENERATION);
}

/** The generation that readers of the search index see. */
export async function searchGeneration(clients: StoreClients, config: CliConfig): Promise<number> {
  const names = searchNames(config.searchIndexPrefix);
  const { docs } = await clients.search.mget<SearchGeneration>({ index: names.watermarksIndex, ids: [names.activeId] });
  const [doc] = docs;
  return (doc !== undefined && '_source' in doc ? doc._source.generation : undefined) ?? FIRST_GENERATION;
}

/** Marks of the given generations; of those that readers see where none are given. */
export async function redisMarks(
  clients: StoreClients,
  config: CliConfig,
  generationOf?: GenerationOf,
): Promise<StoreMark[]> {
  const names = redisNames(config.redisKeyPrefix, generationOf ?? (await redisGenerations(clients, config)));
  const perView = await Promise.all(
    viewsInStore.redis.map(async (view) =>
      Object.entries(await clients.redis.hgetall(names.watermark(view))).map(([partition, text]) => {
        return { store: 'redis' as const, view, partition: Number(partition), ...parseWatermark(text) };
      }),
    ),
  );
  return perView.flat();
}

export async function searchMarks(clients: StoreClients, config: CliConfig, generation?: number): Promise<StoreMark[]> {
  const names = searchNames(config.searchIndexPrefix, generation ?? (await searchGeneration(clients, config)));
  const partitions = Array.from({ length: config.partitions }, (_, partition) => partition);
  const { docs } = await clients.search.mget<SearchWatermark>({
    index: names.watermarksIndex,
    ids: partitions.map((partition) => names.watermarkId('catalog', partition)),
  });
  return docs.flatMap((doc) => {
    const mark = '_source' in doc ? doc._source : undefined;
    if (mark === undefined) return [];
    const { view, partition, position, committedAt, offset } = mark;
    return [
      {
        store: 'elasticsearch' as const,
        view,
        partition,
        lsn: BigInt(position),
        committedAtMs: Date.parse(committedAt),
        offset: BigInt(offset),
      },
    ];
  });
}

/** As `v_freshness` tells its readers. */
export async function clickhouseMarks(clients: StoreClients): Promise<(StoreMark & { generation: number })[]> {
  const answer = await clients.clickhouse.query({
    query: `select view, generation, partition, toString(position) as position, toUnixTimestamp64Milli(committed_at) as at, '0' as next from v_freshness`,
    format: 'JSONEachRow',
  });
  return (await answer.json<ClickhouseMark>()).map(markOf);
}

/** Of one generation of a view, whether readers see it or not. */
export async function clickhouseGenerationMarks(
  clients: StoreClients,
  config: CliConfig,
  view: ViewName,
  generation: number,
): Promise<StoreMark[]> {
  const { watermarks } = clickhouseNames(config.clickhouseDatabase).tables;
  const answer = await clients.clickhouse.query({
    query: `select view, generation, partition, toString(max(lsn)) as position, toUnixTimestamp64Milli(max(stream_time)) as at, toString(max(log_offset)) as next
      from ${watermarks} where view = {view:String} and generation = {generation:UInt32} group by view, generation, partition`,
    query_params: { view, generation },
    format: 'JSONEachRow',
  });
  return (await answer.json<ClickhouseMark>()).map(markOf);
}

interface ClickhouseMark {
  readonly view: ViewName;
  readonly generation: number;
  readonly partition: number;
  readonly position: string;
  readonly at: string;
  readonly next: string;
}

function markOf({
  view,
  generation,
  partition,
  position,
  at,
  next,
}: ClickhouseMark): StoreMark & { generation: number } {
  return {
    store: 'clickhouse',
    view,
    generation,
    partition,
    lsn: BigInt(position),
    committedAtMs: Number(at),
    offset: BigInt(next),
  };
}

/** Marks of one generation of a view in every store that holds the view. */
export async function generationMarks(
  clients: StoreClients,
  config: CliConfig,
  view: ViewName,
  generation: number,
): Promise<StoreMark[]> {
  const stores = storesHolding(view);
  const marks = await Promise.all([
    redisMarks(clients, config, () => generation),
    stores.includes('elasticsearch') ? searchMarks(clients, config, generation) : [],
    clickhouseGenerationMarks(clients, config, view, generation),
  ]);
  return marks.flat().filter((mark) => mark.view === view);
}

/** The stores that hold a view. */
export function storesHolding(view: ViewName): StoreName[] {
  const held: Readonly<Record<StoreName, readonly ViewName[]>> = viewsInStore;
  return (Object.keys(held) as StoreName[]).filter((store) => held[store].includes(view));
}

/** The lowest position and time that all partitions have applied; 0 where a partition has none yet. */
export function appliedByAll(
  marks: readonly StoreMark[],
  view: ViewName,
  partitions: number,
): { lsn: Lsn; committedAtMs: number } {
  const own = marks.filter((mark) => mark.view === view);
  const [first] = own;
  if (first === undefined || new Set(own.map((mark) => mark.partition)).size < partitions) {
    return { lsn: 0n, committedAtMs: 0 };
  }
  return {
    lsn: own.reduce<Lsn>((low, mark) => (mark.lsn < low ? mark.lsn : low), first.lsn),
    committedAtMs: Math.min(...own.map((mark) => mark.committedAtMs)),
  };
}
