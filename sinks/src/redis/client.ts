import { Redis } from 'ioredis';
import { PlatformError } from '@millrace/kernel/errors';

/** Answers that waiting can mend: loading, failing over, out of memory until keys expire, a script that runs too long. */
const passing = /^(LOADING|BUSY|READONLY|MASTERDOWN|TRYAGAIN|CLUSTERDOWN|OOM|NOREPLICAS|MISCONF|UNBLOCKED)\b/;

/**
 * A connection that fails at once when there is none, instead of queueing commands in memory: the runner is the one that waits.
 * Commands in flight when the connection breaks are not sent again by the client.
 */
export function createRedis(url: string, commandTimeoutMs = 15_000): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => null,
    connectTimeout: 5_000,
    disconnectTimeout: 500,
    commandTimeout: commandTimeoutMs,
  });
  // Each failed command says the same; without a listener the client would print the error.
  redis.on('error', () => undefined);
  return redis;
}

/** `store-rejected` for an answer of Redis that stays as it is, else `store-unavailable`. Messages of Redis hold no values of ours. */
export function redisError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const answered = error instanceof Error && error.name === 'ReplyError';
  const kind = answered && !passing.test(message) ? 'store-rejected' : 'store-unavailable';
  return new PlatformError(kind, `redis: ${message.slice(0, 200)}`, { cause: error });
}
