import { PlatformError } from '@millrace/kernel/errors';
import { createRedisClient } from '@millrace/kernel/redis-client';
import type { RedisClient } from '@millrace/kernel/redis-client';

/**
 * Answers that waiting can mend: loading, failing over, a slot on its way to another node, out of memory until keys expire, a script that
 * runs too long.
 */
const passing = /^(LOADING|BUSY|READONLY|MASTERDOWN|TRYAGAIN|CLUSTERDOWN|MOVED|ASK|OOM|NOREPLICAS|MISCONF|UNBLOCKED)\b/;

/** A connection that ends when it breaks: the runner is the one that waits, and opens another. */
export function createRedis(url: string, commandTimeoutMs = 15_000): RedisClient {
  return createRedisClient(url, { commandTimeoutMs });
}

/** `store-rejected` for an answer of Redis that stays as it is, else `store-unavailable`. Messages of Redis hold no values of ours. */
export function redisError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const answered = error instanceof Error && error.name === 'ReplyError';
  const kind = answered && !passing.test(message) ? 'store-rejected' : 'store-unavailable';
  return new PlatformError(kind, `redis: ${message.slice(0, 200)}`, { cause: error });
}
