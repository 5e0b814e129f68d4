import type { Redis } from 'ioredis';
import { PlatformError } from '@millrace/kernel/errors';
import { redisNames, viewsInStore } from '@millrace/schemas/stores';
import type { GenerationOf, RedisNames } from '@millrace/schemas/stores';
import type { Generation, StoreGenerations } from '../port/index.ts';
import { createRedis, redisError } from './client.ts';

const KEYS_AT_ONCE = 1_000;

/** Readers find the active generation in a hash beside the entries, which they read in the same round trip as an entry. */
export class RedisGenerations implements StoreGenerations {
  readonly #options: { readonly url: string; readonly keyPrefix: string };
  readonly #names: RedisNames;
  #redis: Redis | null = null;

  constructor(options: { readonly url: string; readonly keyPrefix: string }) {
    this.#options = options;
    this.#names = redisNames(options.keyPrefix);
  }

  async open(): Promise<void> {
    await this.close();
    const redis = createRedis(this.#options.url);
    this.#redis = redis;
    await this.#attempt(() => redis.connect());
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
    // The mark first: without it a sink of this generation would fill it from the beginning, never trust half of it.
    await this.#attempt((redis) => redis.unlink(names.watermark(view)));
    for (const pattern of names.patterns(view)) {
      let cursor = '0';
      do {
        const [next, keys] = await this.#attempt((redis) =>
          redis.scan(cursor, 'MATCH', pattern, 'COUNT', KEYS_AT_ONCE),
        );
        if (keys.length > 0) await this.#attempt((redis) => redis.unlink(...keys));
        cursor = next;
      } while (cursor !== '0');
    }
    await this.#attempt((redis) => redis.srem(this.#names.held, `${view}:${generation}`));
  }

  close(): Promise<void> {
    this.#redis?.disconnect();
    this.#redis = null;
    return Promise.resolve();
  }

  async #attempt<T>(step: (redis: Redis) => Promise<T>): Promise<T> {
    if (this.#redis === null) throw new PlatformError('store-unavailable', 'redis: generations are not open');
    try {
      return await step(this.#redis);
    } catch (error) {
      throw redisError(error);
    }
  }
}
