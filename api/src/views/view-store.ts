import { PlatformError } from '@millrace/kernel/errors';
import { createRedisClient, pingRedis, redisSteps } from '@millrace/kernel/redis-client';
import type { RedisCommand } from '@millrace/kernel/redis-client';
import type { Logger } from '@millrace/kernel/telemetry';
import { partitionOf } from '@millrace/schemas/partition';
import { parseWatermark, redisFields, redisNames, viewHolding } from '@millrace/schemas/stores';
import type { AppliedMark, ViewName } from '@millrace/schemas/stores';
import type { ViewData } from '@millrace/schemas/views';
import { ActiveGenerations } from './active-generations.ts';
import type { Marks } from './watermark-waiter.ts';

/** Kinds of entry that are read by id, and can be read from the tables instead. */
export type ObjectKind = 'product' | 'stock' | 'price' | 'order' | 'cart';
/** All that are read by id. */
export type EntryKind = ObjectKind | 'recommendation';

export interface StoredEntry<K extends EntryKind> {
  /** Null where the store has none, or one that is deleted. */
  readonly data: ViewData[K] | null;
  /** What the entry's partition had applied when it was read, or before; null where the store says nothing of it. */
  readonly mark: AppliedMark | null;
}

/** A page of a sorted set, newest first, with the entries its members name. */
export interface StoredPage<K extends ObjectKind> {
  readonly entries: readonly ViewData[K][];
  /** Where the next page starts; null at the end. */
  readonly next: ListCursor | null;
  readonly marks: Marks;
}

export interface ListCursor {
  readonly id: string;
  readonly score: string;
}

export type ListName = 'customerOrders' | 'vendorOrders' | 'categoryChildren';

/**
 * The views as Redis holds them, in the generation that is active when they are read: each call asks for it with the entries, so that a switch
 * holds from the first call after it. Every call is one round trip (a page two; one more after a switch), or two where Redis is a cluster (a page three), and throws
 * `store-unavailable` while Redis is away, or the node of a cluster that holds what is asked for.
 */
export interface ViewStore {
  entry<K extends EntryKind>(kind: K, id: string): Promise<StoredEntry<K>>;
  /** In the order of the ids; null where the store has none, or one that is deleted. */
  entries<K extends EntryKind>(kind: K, ids: readonly string[]): Promise<readonly (ViewData[K] | null)[]>;
  page<K extends ObjectKind>(
    list: ListName,
    id: string,
    kind: K,
    limit: number,
    after?: ListCursor,
  ): Promise<StoredPage<K>>;
  marks(view: ViewName): Promise<Marks>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface ViewStoreOptions {
  readonly url: string;
  readonly keyPrefix: string;
  readonly partitions: number;
  readonly logger: Logger;
}

const COMMAND_TIMEOUT_MS = 2_000;
const MAX_RECONNECT_MS = 1_000;

/** Resolves at once, connected or not: calls fail while there is no connection, and it comes back by itself. */
export function connectViewStore(options: ViewStoreOptions): ViewStore {
  const redis = createRedisClient(options.url, {
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    connectTimeoutMs: COMMAND_TIMEOUT_MS,
    reconnectMs: MAX_RECONNECT_MS,
  });
  redis.on('error', (error: Error) => options.logger.debug({ err: error }, 'no connection to Redis'));
  redis.connect().catch(() => undefined);
  const generations = new ActiveGenerations();
  const names = redisNames(options.keyPrefix, generations.of);
  const { partitions } = options;

  const inSteps = async (steps: readonly (readonly RedisCommand[])[]): Promise<unknown[]> => {
    try {
      return (await redisSteps(redis, steps)).flat();
    } catch (error) {
      throw unavailable(error);
    }
  };
  /**
   * Answers of commands that are made for the generation that was active while they ran. What a step reads is read after all of the steps before
   * it; in a cluster the generation is asked for beside the last one.
   */
  const asActive = async (view: ViewName, commands: () => readonly RedisCommand[][]): Promise<unknown[]> => {
    for (;;) {
      const steps = commands();
      const last = steps.at(-1) ?? [];
      const answers = await inSteps([...steps.slice(0, -1), [['hget', names.generations, view], ...last]]);
      const [active] = answers.splice(answers.length - last.length - 1, 1);
      if (!generations.learn(view, active)) return answers;
    }
  };
  const keyOf = (kind: EntryKind, id: string): string => names.entry(kind, id) ?? '';

  return {
    async entry(kind, id) {
      // The mark first: what it promises is in the entry that is read after it.
      const view = viewHolding(kind);
      const [mark, data] = await asActive(view, () => [
        [['hget', names.watermark(view), String(partitionOf(id, partitions))]],
        [['hget', keyOf(kind, id), redisFields.data]],
      ]);
      return { mark: markOf(mark), data: dataOf(data) as never };
    },
    async entries(kind, ids) {
      const read = (): RedisCommand[][] => [ids.map((id) => ['hget', keyOf(kind, id), redisFields.data])];
      return (await asActive(viewHolding(kind), read)).map(dataOf) as never[];
    },
    async page(list, id, kind, limit, after) {
      const view = viewHolding(kind);
      const ranked = after === undefined ? [] : await asActive(view, () => [rankCommands(names[list](id), after)]);
      const start = startOf(ranked);
      const [marks, members] = await asActive(view, () => [
        [['hgetall', names.watermark(view)]],
        [['zrevrange', names[list](id), start, start + limit, 'withscores']],
      ]);
      const found = pairs(members as string[]);
      const shown = found.slice(0, limit);
      const data =
        shown.length === 0
          ? []
          : await asActive(view, () => [shown.map(([member]) => ['hget', keyOf(kind, member), redisFields.data])]);
      const last = shown.at(-1);
      return {
        entries: data.map(dataOf).filter((entry) => entry !== null) as never[],
        next: found.length > limit && last !== undefined ? { id: last[0], score: last[1] } : null,
        marks: marksOf(marks as Record<string, string> | string[]),
      };
    },
    async marks(view) {
      const [marks] = await asActive(view, () => [[['hgetall', names.watermark(view)]]]);
      return marksOf(marks as Record<string, string> | string[]);
    },
    async ping() {
      try {
        await pingRedis(redis);
      } catch (error) {
        throw unavailable(error);
      }
    },
    async close() {
      redis.disconnect();
      return Promise.resolve();
    },
  };
}

/** Where the member stands now, or would stand had it not left the list. */
function rankCommands(key: string, { id, score }: ListCursor): RedisCommand[] {
  return [
    ['zrevrank', key, id],
    ['zcount', key, `(${score}`, '+inf'],
  ];
}

function startOf([rank, above]: readonly unknown[]): number {
  return typeof rank === 'number' ? rank + 1 : Number(above ?? 0);
}

function pairs(flat: readonly string[]): [member: string, score: string][] {
  const found: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) found.push([flat[at] ?? '', flat[at + 1] ?? '']);
  return found;
}

function markOf(value: unknown): AppliedMark | null {
  return typeof value === 'string' ? parseWatermark(value) : null;
}

function marksOf(hash: Record<string, string> | readonly string[]): Marks {
  const fields = Array.isArray(hash) ? pairs(hash as string[]) : Object.entries(hash);
  return new Map(fields.map(([partition, text]) => [Number(partition), parseWatermark(text)]));
}

/** The store holds what the processors made: it is trusted to have its kind's shape. */
function dataOf(value: unknown): unknown {
  return typeof value === 'string' ? JSON.parse(value) : null;
}

function unavailable(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  return new PlatformError('store-unavailable', 'The view store does not answer.', { cause: error });
}
