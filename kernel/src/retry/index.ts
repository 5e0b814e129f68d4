/** Waiting between tries, with the clock and the chance injected so that tests neither sleep nor guess. */
export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** 0 none … 1 full: how much of each delay is drawn by chance. */
  readonly jitter: number;
}

export const defaultBackoff: BackoffOptions = { initialMs: 50, maxMs: 5_000, jitter: 0.5 };

/** The delay before try `attempt` (1 is the first repetition), in ms. */
export function backoffDelayMs(attempt: number, options = defaultBackoff, random: () => number = Math.random): number {
  const full = Math.min(options.maxMs, options.initialMs * 2 ** Math.max(0, attempt - 1));
  return full * (1 - options.jitter) + full * options.jitter * random();
}

export interface RetryOptions extends BackoffOptions {
  readonly attempts: number;
  /** Whether this error is worth another try. */
  readonly retryable: (error: unknown) => boolean;
  readonly signal?: AbortSignal;
  readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** Resolves after `ms`, or rejects with the signal's reason as soon as it aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Runs `step` until it succeeds, its error is not retryable, or the tries are used up; then throws the last error. */
export async function retry<T>(step: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const wait = options.sleep ?? sleep;
  for (let attempt = 1; ; attempt++) {
    try {
      return await step(attempt);
    } catch (error) {
      if (attempt >= options.attempts || !options.retryable(error)) throw error;
      const delayMs = backoffDelayMs(attempt, options);
      options.onRetry?.(error, attempt, delayMs);
      await wait(delayMs, options.signal);
    }
  }
}
