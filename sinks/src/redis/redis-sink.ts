import type { Redis } from 'ioredis';
import { PlatformError } from '@millrace/kernel/errors';
import {
  FIRST_GENERATION,
  REDIS_DELETED_TTL_SECONDS,
  formatWatermark,
  parseWatermark,
  redisNames,
  viewsInStore,
} from '@millrace/schemas/stores';
import type { PartitionMark, RedisNames, ViewName } from '@millrace/schemas/stores';
import { markOf, newestEntries, partitionKey, sinkName } from '../port/index.ts';
import type { Sink, SinkBatch, SinkObserver } from '../port/index.ts';
import { createRedis, redisError } from './client.ts';
import { encodeEntry } from './encoding.ts';
import type { RedisEntry } from './encoding.ts';
import { applyScript } from './schema.ts';

export interface RedisSinkOptions {
  readonly url: string;
  readonly keyPrefix: string;
  /** Of all its views. Default the first. */
  readonly generation?: number;
  /** Default all that Redis holds. */
  readonly views?: readonly ViewName[];
}

/** Entries per call of the script: Redis answers nobody else meanwhile, 256 take it about a millisecond. */
const ENTRIES_PER_CALL = 256;

/**
 * Views in Redis: hashes for entries, sorted sets for lists, a watermark hash per view (names: schemas/stores).
 *
 * A write is a pipeline of script calls on one connection; the marks are in the last one, so they are stored only after all entries.
 * Durable as far as Redis is (with an append-only file synced each second, a killed server may lose its last second): the script
 * notices when stored offsets are behind those it has acknowledged, writes nothing and the sink says `store-unavailable`, upon which the
 * runner goes on from the offsets that are there. So lost writes come again.
 */
export class RedisSink implements Sink {
  readonly name: string;
  readonly views: readonly ViewName[];
  readonly #options: RedisSinkOptions;
  readonly #generation: number;
  readonly #names: RedisNames;
  /** Offsets known to be stored, by partition, as the script compares them. */
  readonly #stored = new Map<string, string>();
  #redis: Redis | null = null;
  #observer: SinkObserver | null = null;
  #sha = '';

  constructor(options: RedisSinkOptions) {
    this.#options = options;
    this.#generation = options.generation ?? FIRST_GENERATION;
    this.#names = redisNames(options.keyPrefix, () => this.#generation);
    this.name = sinkName('redis', this.#generation);
    this.views = options.views ?? viewsInStore.redis;
  }

  async open(observer: SinkObserver): Promise<void> {
    await this.close();
    const redis = createRedis(this.#options.url);
    this.#redis = redis;
    this.#observer = observer;
    await this.#attempt(async () => {
      await redis.connect();
      this.#sha = String(await redis.script('LOAD', applyScript));
      // Said before anything is written, so that no generation is left behind unknown.
      await redis.sadd(this.#names.held, ...this.views.map((view) => `${view}:${this.#generation}`));
    });
  }

  async positions(): Promise<readonly PartitionMark[]> {
    const marks: PartitionMark[] = [];
    for (const view of this.views) {
      const fields = await this.#attempt(() => this.#connection().hgetall(this.#names.watermark(view)));
      for (const [partition, text] of Object.entries(fields)) {
        marks.push({ view, partition: Number(partition), ...parseWatermark(text) });
      }
    }
    this.#stored.clear();
    for (const mark of marks) this.#remember(mark);
    return marks;
  }

  async write(batches: readonly SinkBatch[]): Promise<void> {
    const entries: RedisEntry[] = [];
    for (const entry of newestEntries(batches)) {
      const encoded = encodeEntry(this.#names, entry);
      if (encoded !== null) entries.push(encoded);
    }
    const calls: unknown[][] = [];
    let from = 0;
    for (; entries.length - from > ENTRIES_PER_CALL; from += ENTRIES_PER_CALL) {
      calls.push(this.#call(entries.slice(from, from + ENTRIES_PER_CALL), batches, false));
    }
    calls.push(this.#call(entries.slice(from), batches, true));
    await this.#attempt(() => this.#run(calls));
    const marks = batches.map(markOf);
    for (const mark of marks) this.#remember(mark);
    this.#observer?.applied(marks);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#redis?.disconnect();
    this.#redis = null;
    this.#observer = null;
    this.#stored.clear();
    return Promise.resolve();
  }

  /** Arguments of EVALSHA after the script's name. All but the last call only check the marks against what is stored. */
  #call(entries: readonly RedisEntry[], batches: readonly SinkBatch[], withMarks: boolean): unknown[] {
    const marks = withMarks ? batches : [];
    const keys = [...entries.map(({ key }) => key), ...marks.map(({ view }) => this.#names.watermark(view))];
    const args: (string | number)[] = [entries.length, REDIS_DELETED_TTL_SECONDS, marks.length];
    for (const { version, data } of entries) args.push(version, data);
    for (const batch of marks) {
      const stored = this.#stored.get(partitionKey(batch)) ?? '';
      args.push(batch.partition, formatWatermark(batch.applied), stored);
    }
    return [keys.length, ...keys, ...args];
  }

  /** One after the other on the server, without waiting for each answer. A script that is unknown there is loaded and all run again. */
  async #run(calls: readonly unknown[][]): Promise<void> {
    const redis = this.#connection();
    const send = () =>
      Promise.allSettled(calls.map((call) => redis.call('EVALSHA', [this.#sha, ...(call as (string | number)[])])));
    let outcomes = await send();
    if (outcomes.some((outcome) => outcome.status === 'rejected' && String(outcome.reason).includes('NOSCRIPT'))) {
      this.#sha = String(await redis.script('LOAD', applyScript));
      outcomes = await send();
    }
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') throw outcome.reason;
      if (outcome.value !== 0) {
        throw new PlatformError(
          'store-unavailable',
          'redis lost writes that it had acknowledged: going on from what it holds',
        );
      }
    }
  }

  #remember(mark: PartitionMark): void {
    const offset = mark.offset.toString().padStart(20, '0');
    const known = this.#stored.get(partitionKey(mark));
    if (known === undefined || known < offset) this.#stored.set(partitionKey(mark), offset);
  }

  #connection(): Redis {
    if (this.#redis === null) throw new PlatformError('store-unavailable', 'redis: the sink is not open');
    return this.#redis;
  }

  async #attempt<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      throw redisError(error);
    }
  }
}
