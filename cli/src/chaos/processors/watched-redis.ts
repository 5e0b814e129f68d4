import { lsnFromText } from '@millrace/kernel/position';
import { redisAnswers, scanRedis } from '@millrace/kernel/redis-client';
import type { RedisCommand } from '@millrace/kernel/redis-client';
import { sleep } from '@millrace/kernel/retry';
import { parseWatermark, redisFields, redisNames, viewsInStore } from '@millrace/schemas/stores';
import type { CliConfig } from '../../config/index.ts';
import { openStoreClients } from '../../lag/index.ts';
import type { StoreClients } from '../../lag/index.ts';
import type { PositionLedger } from './position-ledger.ts';

const PATTERNS = ['product:*', 'inventory:*', 'price:*', 'order:*', 'cart:*'] as const;
const AT_ONCE = 500;
const EVERY_MS = 50;

/** Reads entries and watermarks of Redis over and over, as its readers do; what one of them has seen must not go back. */
export class WatchedRedis {
  readonly #ledger: PositionLedger;
  readonly #clients: StoreClients;
  readonly #config: CliConfig;
  readonly #stop = new AbortController();
  #passes = 0;
  #running: Promise<void> = Promise.resolve();

  private constructor(clients: StoreClients, config: CliConfig, ledger: PositionLedger) {
    this.#clients = clients;
    this.#config = config;
    this.#ledger = ledger;
  }

  static async open(config: CliConfig, ledger: PositionLedger): Promise<WatchedRedis> {
    const watched = new WatchedRedis(await openStoreClients(config), config, ledger);
    watched.#running = watched.#run();
    watched.#running.catch(() => undefined);
    return watched;
  }

  /** How often every entry was looked at. */
  get passes(): number {
    return this.#passes;
  }

  /** Rejects where it could not go on looking. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running.finally(() => this.#clients.close());
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const stopped = (): boolean => signal.aborted;
    while (!stopped()) {
      for (const pattern of PATTERNS) {
        for await (const keys of scanRedis(this.#clients.redis, pattern, AT_ONCE)) {
          await this.#entries(keys);
          await this.#watermarks();
          await sleep(EVERY_MS, signal).catch(() => undefined);
          if (stopped()) return;
        }
        await sleep(EVERY_MS, signal).catch(() => undefined);
      }
      this.#passes++;
    }
  }

  async #entries(keys: readonly string[]): Promise<void> {
    const positions = await redisAnswers(
      this.#clients.redis,
      keys.map((key): RedisCommand => ['hget', key, redisFields.position]),
    );
    for (const [index, position] of positions.entries()) {
      const key = keys[index];
      if (key !== undefined && typeof position === 'string')
        this.#ledger.take('store', 'redis', key, lsnFromText(position));
    }
  }

  async #watermarks(): Promise<void> {
    const names = redisNames(this.#config.redisKeyPrefix);
    for (const view of viewsInStore.redis) {
      const key = names.watermark(view);
      const marks = await this.#clients.redis.hgetall(key);
      for (const [partition, text] of Object.entries(marks)) {
        this.#ledger.take('store', 'redis', `${key}/${partition}`, parseWatermark(text).lsn);
      }
    }
  }
}
