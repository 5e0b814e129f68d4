import { PlatformError } from '@millrace/kernel/errors';
import { connectRedis, isCluster } from '@millrace/kernel/redis-client';
import type { RedisClient } from '@millrace/kernel/redis-client';
import {
  FIRST_GENERATION,
  REDIS_DELETED_TTL_SECONDS,
  REDIS_SHARDS,
  redisNames,
  viewsInStore,
} from '@millrace/schemas/stores';
import type { PartitionMark, RedisNames, ViewName } from '@millrace/schemas/stores';
import { markOf, newestEntries, sinkName } from '../port/index.ts';
import type { Sink, SinkBatch, SinkObserver } from '../port/index.ts';
import { createRedis, redisError } from './client.ts';
import { encodeEntry } from './encoding.ts';
import type { RedisEntry } from './encoding.ts';
import { evictionAdvice } from './eviction.ts';
import { MarkStore } from './mark-store.ts';
import { parseSets } from './membership.ts';
import { withScripts } from './schema.ts';
import type { RedisScripts } from './schema.ts';
import { SetWriter } from './set-writer.ts';
import type { EntryMove } from './set-writer.ts';
import { SettledPosition } from './settled-position.ts';

export interface RedisSinkOptions {
  /** As `REDIS_URL`: one server, or nodes of a cluster. */
  readonly url: string;
  readonly keyPrefix: string;
  /** Of all its views. Default the first. */
  readonly generation?: number;
  /** Default all that Redis holds. */
  readonly views?: readonly ViewName[];
}

/** Entries per call of the script on one server, which answers nobody else meanwhile: 256 take it about a millisecond. */
const ENTRIES_PER_CALL = 256;

/** What is there while the sink is open. */
interface Connection {
  readonly redis: RedisClient & RedisScripts;
  readonly sets: SetWriter;
  readonly marks: MarkStore;
  readonly settled: SettledPosition;
}

/**
 * Views in Redis, one server or a cluster: hashes for entries, sorted sets for lists, a watermark hash per view (names: schemas/stores).
 *
 * A write is three steps, each begun when the one before is answered for: the entries, each a key of its own with its version; the sorted
 * sets, which follow from what the entries then say (`SetWriter`); the marks (`MarkStore`). After an end between any two of them no mark has
 * passed the batch, so it comes again, and each entry still says which sets must and which must not hold it.
 * Durable as far as Redis is (with an append-only file synced each second, a killed server may lose its last second; so may a replica that
 * takes its place): the marks notice when the store has lost what it had acknowledged, and the sink says `store-unavailable`, upon which the runner
 * goes on from the offsets that are there. So lost writes come again.
 */
export class RedisSink implements Sink {
  readonly name: string;
  readonly views: readonly ViewName[];
  advice: string | null = null;
  readonly #options: RedisSinkOptions;
  readonly #generation: number;
  readonly #names: RedisNames;
  #connected: Connection | null = null;
  #observer: SinkObserver | null = null;

  constructor(options: RedisSinkOptions) {
    this.#options = options;
    this.#generation = options.generation ?? FIRST_GENERATION;
    this.#names = redisNames(options.keyPrefix, () => this.#generation);
    this.name = sinkName('redis', this.#generation);
    this.views = options.views ?? viewsInStore.redis;
  }

  async open(observer: SinkObserver): Promise<void> {
    await this.close();
    const redis = withScripts(createRedis(this.#options.url));
    this.#observer = observer;
    this.#connected = {
      redis,
      sets: new SetWriter(redis, this.#names),
      marks: new MarkStore(redis, this.#names, this.views, isCluster(redis) ? REDIS_SHARDS : []),
      settled: new SettledPosition(),
    };
    await this.#attempt(async () => {
      await connectRedis(redis);
      this.advice = await evictionAdvice(redis);
      // Said before anything is written, so that no generation is left behind unknown.
      await redis.sadd(this.#names.held, ...this.views.map((view) => `${view}:${this.#generation}`));
    });
  }

  positions(): Promise<readonly PartitionMark[]> {
    return this.#attempt(({ marks }) => marks.read());
  }

  async write(batches: readonly SinkBatch[]): Promise<void> {
    const entries: RedisEntry[] = [];
    for (const entry of newestEntries(batches)) {
      const encoded = encodeEntry(this.#names, entry);
      if (encoded !== null) entries.push(encoded);
    }
    await this.#attempt(async (connection) => {
      const settled = connection.settled.of(batches, performance.now());
      await connection.sets.apply(await writeEntries(connection.redis, entries, settled));
      await connection.marks.write(batches);
    });
    const marks = batches.map(markOf);
    this.#connected?.settled.stored(marks, performance.now());
    this.#observer?.applied(marks);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#connected?.redis.disconnect();
    this.#connected = null;
    this.#observer = null;
    return Promise.resolve();
  }

  async #attempt<T>(step: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.#connected === null) throw new PlatformError('store-unavailable', 'redis: the sink is not open');
    try {
      return await step(this.#connected);
    } catch (error) {
      throw redisError(error);
    }
  }
}

/** Without waiting for each answer. In a cluster one entry at a time: each key has a node of its own. What the sets are to be told. */
async function writeEntries(
  redis: RedisClient & RedisScripts,
  entries: readonly RedisEntry[],
  settled: string,
): Promise<EntryMove[]> {
  const perCall = isCluster(redis) ? 1 : ENTRIES_PER_CALL;
  const calls: Promise<EntryMove[]>[] = [];
  for (let from = 0; from < entries.length; from += perCall) {
    const part = entries.slice(from, from + perCall);
    const args: (string | number)[] = [REDIS_DELETED_TTL_SECONDS, settled];
    for (const { version, data } of part) args.push(version, data);
    const answer = redis.millraceEntries(part.length, ...part.map(({ key }) => key), ...args);
    calls.push(answer.then((flat) => movesOf(part, flat)));
  }
  // All are settled before one is thrown: nothing of this write is on its way when the next one begins.
  const outcomes = await Promise.allSettled(calls);
  return outcomes.flatMap((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

function movesOf(entries: readonly RedisEntry[], answer: readonly (number | string)[]): EntryMove[] {
  const moves: EntryMove[] = [];
  for (let at = 0; at + 1 < answer.length; at += 2) {
    const of = entries[Number(answer[at]) - 1];
    if (of === undefined) continue;
    const { score = '0', sets = [] } = of.membership ?? {};
    moves.push({ of, score, member: of.entry.id, sets, leaves: parseSets(String(answer[at + 1])) });
  }
  return moves;
}
