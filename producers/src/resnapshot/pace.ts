import { sleep } from '@millrace/kernel/retry';

/**
 * Keeps to a number of rows a second over time, and knows the rate that was reached. 0 is as fast as it goes. Time that it was held for is not
 * made up for afterwards.
 */
export class Pace {
  readonly #rowsPerSecond: number;
  readonly #nowMs: () => number;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly #beganMs: number;
  #rows = 0;
  #heldUntilMs = -Infinity;
  #heldMs = 0;

  constructor(rowsPerSecond: number, nowMs: () => number = () => performance.now(), wait = sleep) {
    this.#rowsPerSecond = rowsPerSecond;
    this.#nowMs = nowMs;
    this.#sleep = wait;
    this.#beganMs = nowMs();
  }

  /** Nothing is free until then; a later hold replaces an earlier one. */
  hold(forMs: number): void {
    this.#heldUntilMs = this.#nowMs() + forMs;
  }

  get isHeld(): boolean {
    return this.#heldUntilMs > this.#nowMs();
  }

  /** Resolves when it is not held. */
  async free(signal: AbortSignal): Promise<void> {
    while (this.isHeld) {
      const fromMs = this.#nowMs();
      await this.#sleep(this.#heldUntilMs - fromMs, signal);
      this.#heldMs += this.#nowMs() - fromMs;
    }
  }

  /** After so many rows more; resolves when the next may come. */
  async took(rows: number, signal: AbortSignal): Promise<void> {
    this.#rows += rows;
    if (this.#rowsPerSecond > 0) {
      const aheadMs = (this.#rows / this.#rowsPerSecond) * 1_000 - (this.#nowMs() - this.#beganMs - this.#heldMs);
      if (aheadMs > 1) await this.#sleep(aheadMs, signal);
    }
    await this.free(signal);
  }

  /** Seconds that so many rows more will take; null before there is a rate. */
  secondsFor(rows: number): number | null {
    const elapsedMs = this.#nowMs() - this.#beganMs;
    if (this.#rows === 0 || elapsedMs < 500) return null;
    return Math.max(0, Math.round((rows / this.#rows) * (elapsedMs / 1_000)));
  }
}

/** The lower of two limits, 0 being none. */
export function lowerLimit(a: number, b: number): number {
  return a === 0 || b === 0 ? Math.max(a, b) : Math.min(a, b);
}
