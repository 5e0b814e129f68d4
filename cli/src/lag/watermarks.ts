import type { Lsn } from '@millrace/kernel/position';
import { parseWatermark, redisNames, searchNames, viewNames } from '@millrace/schemas/stores';
import type { SearchWatermark, ViewName } from '@millrace/schemas/stores';
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
}

export async function redisMarks(clients: StoreClients, config: CliConfig): Promise<StoreMark[]> {
  const names = redisNames(config.redisKeyPrefix);
  const perView = await Promise.all(
    viewNames.map(async (view) =>
      Object.entries(await clients.redis.hgetall(names.watermark(view))).map(([partition, text]) => {
        const { lsn, committedAtMs } = parseWatermark(text);
        return { store: 'redis' as const, view, partition: Number(partition), lsn, committedAtMs };
      }),
    ),
  );
  return perView.flat();
}

export async function searchMarks(clients: StoreClients, config: CliConfig): Promise<StoreMark[]> {
  const names = searchNames(config.searchIndexPrefix);
  const partitions = Array.from({ length: config.partitions }, (_, partition) => partition);
  const { docs } = await clients.search.mget<SearchWatermark>({
    index: names.watermarksIndex,
    ids: partitions.map((partition) => names.watermarkId('catalog', partition)),
  });
  return docs.flatMap((doc) => {
    const mark = '_source' in doc ? doc._source : undefined;
    if (mark === undefined) return [];
    const { view, partition, position, committedAt } = mark;
    return [
      {
        store: 'elasticsearch' as const,
        view,
        partition,
        lsn: BigInt(position),
        committedAtMs: Date.parse(committedAt),
      },
    ];
  });
}

export async function clickhouseMarks(clients: StoreClients): Promise<StoreMark[]> {
  const answer = await clients.clickhouse.query({
    query:
      'select view, partition, toString(position) as position, toUnixTimestamp64Milli(committed_at) as at from v_freshness',
    format: 'JSONEachRow',
  });
  const rows = await answer.json<{ view: ViewName; partition: number; position: string; at: string }>();
  return rows.map(({ view, partition, position, at }) => ({
    store: 'clickhouse' as const,
    view,
    partition,
    lsn: BigInt(position),
    committedAtMs: Number(at),
  }));
}

export const STORE_VIEWS: Readonly<Record<StoreName, readonly ViewName[]>> = {
  redis: viewNames,
  elasticsearch: ['catalog'],
  clickhouse: viewNames,
};

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
