/** How a process that ends by itself is started again. Times in ms. */
export interface RestartPolicy {
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** A process that ran this long before it ended counts as having been well: the delay starts over. */
  readonly wellAfterMs: number;
  /** Ends before it was ever ready, in a row, after which the start is given up. */
  readonly startAttempts: number;
}

export const defaultRestartPolicy: RestartPolicy = {
  firstDelayMs: 200,
  maxDelayMs: 10_000,
  wellAfterMs: 30_000,
  startAttempts: 3,
};

/** What is known about a process when it ends by itself. */
export interface EndedRun {
  readonly everReady: boolean;
  readonly ranForMs: number;
  /** Failures in a row before this one. */
  readonly earlierFailures: number;
}

export type RestartDecision =
  | { readonly kind: 'restart'; readonly delayMs: number; readonly failures: number }
  | { readonly kind: 'give-up'; readonly failures: number };

/**
 * Restart after a delay that doubles with each failure in a row up to the cap; a process that was ready once is
 * restarted for ever, one that never was is given up after `startAttempts`.
 */
export function decideRestart(policy: RestartPolicy, run: EndedRun): RestartDecision {
  const failures = (run.ranForMs >= policy.wellAfterMs ? 0 : run.earlierFailures) + 1;
  if (!run.everReady && failures >= policy.startAttempts) return { kind: 'give-up', failures };
  return { kind: 'restart', delayMs: Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (failures - 1)), failures };
}
