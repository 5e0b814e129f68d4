import { sleep } from '@millrace/kernel/retry';

export interface Clock {
  /** ms since 1970. */
  readonly now: () => number;
  /** Resolves after `ms`, or as soon as the signal aborts. Never rejects. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

export const systemClock: Clock = {
  now: Date.now,
  wait: (ms, signal) => sleep(ms, signal).catch(() => undefined),
};
