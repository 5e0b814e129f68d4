import { PlatformError } from '@millrace/kernel/errors';
import { connectRedis, isCluster, redisAnswers, removeFromRedis } from '@millrace/kernel/redis-client';
import type { RedisClient } from '@millrace/kernel/redis-client';
import { REDIS_SHARDS, redisNames, viewsInStore } from '@millrace/schemas/stores';
import type { GenerationOf, RedisNames, ViewName } from '@millrace/schemas/stores';
import type { Generation, StoreGenerations } from '../port/index.ts';
import { createRedis, redisError } from './client.ts';

/** Readers find the active generation in a hash beside the entries, which they read in the same round trip as an entry. */
export class RedisGenerations implements StoreGenerations {
  readonly #options: { readonly url: string; readonly keyPrefix: string };
  readonly #names: RedisNames;
  #redis: RedisClient | null = null;

  constructor(options: { readonly url: string; readonly keyPrefix: string }) {
    this.#options = options;
    this.#names = redisNames(options.keyPrefix);
  }

  async open(): Promise<void> {
    await this.close();
    const redis = createRedis(this.#options.url);
    this.#redis = redis;
    await this.#attempt(() => connectRedis(redis));
  }

  async expose(active: GenerationOf): Promise<void> {
    const fields = viewsInStore.redis.flatMap((view) => [view, String(active(view))]);
    await this.#attempt((redis) => redis.hset(this.#names.generations, ...fields));
  }

  async held(): Promise<readonly Generation[]> {
    const members = await this.#attempt((redis) => redis.smembers(this.#names.held));
    return viewsInStore.redis.flatMap((view) =>
      members
        .filter((member) => member.startsWith(`${view}:`))
        .map((member) => ({ view, generation: Number(member.slice(view.length + 1)) })),
    );
  }

  async drop({ view, generation }: Generation): Promise<void> {
    const names = redisNames(this.#options.keyPrefix, () => generation);
    // The marks first: without them a sink of this generation would fill it from the beginning, never trust half of it.
    await this.#attempt((redis) => redis.unlink(names.watermark(view)));
    await this.#attempt((redis) => removeApplied(redis, names, view));
    for (const pattern of names.patterns(view)) await this.#attempt((redis) => removeFromRedis(redis, pattern));
    await this.#attempt((redis) => redis.srem(this.#names.held, `${view}:${generation}`));
  }

  close(): Promise<void> {
    this.#redis?.disconnect();
    this.#redis = null;
    return Promise.resolve();
  }

  async #attempt<T>(step: (redis: RedisClient) => Promise<T>): Promise<T> {
    if (this.#redis === null) throw new PlatformError('store-unavailable', 'redis: generations are not open');
    try {
      return await step(this.#redis);
    } catch (error) {
      throw redisError(error);
    }
  }
}

/** What the shards of a cluster say of the view; other views of the same generation share the hashes. */
async function removeApplied(redis: RedisClient, names: RedisNames, view: ViewName): Promise<void> {
  if (!isCluster(redis)) return;
  const keys = REDIS_SHARDS.map((shard) => names.applied(view, shard));
  const fields = (await redisAnswers(
    redis,
    keys.map((key) => ['hkeys', key] as const),
  )) as string[][];
  const own = keys.map((key, index) => ({
    key,
    fields: (fields[index] ?? []).filter((field) => field.startsWith(`${view}/`)),
  }));
  const told = own.filter((hash) => hash.fields.length > 0);
  await redisAnswers(
    redis,
    told.map((hash) => ['hdel', hash.key, ...hash.fields] as const),
  );
}
