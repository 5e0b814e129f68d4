import { sleep } from '@millrace/kernel/retry';

/** Keeps to a number of rows a second over time, and knows the rate that was reached. 0 is as fast as it goes. */
export class Pace {
  readonly #rowsPerSecond: number;
  readonly #nowMs: () => number;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly #beganMs: number;
  #rows = 0;

  constructor(rowsPerSecond: number, nowMs: () => number = () => performance.now(), wait = sleep) {
    this.#rowsPerSecond = rowsPerSecond;
    this.#nowMs = nowMs;
    this.#sleep = wait;
    this.#beganMs = nowMs();
  }

  /** After so many rows more; resolves when the next may come. */
  async took(rows: number, signal: AbortSignal): Promise<void> {
    this.#rows += rows;
    if (this.#rowsPerSecond === 0) return;
    const aheadMs = (this.#rows / this.#rowsPerSecond) * 1_000 - (this.#nowMs() - this.#beganMs);
    if (aheadMs > 1) await this.#sleep(aheadMs, signal);
  }

  /** Seconds that so many rows more will take; null before there is a rate. */
  secondsFor(rows: number): number | null {
    const elapsedMs = this.#nowMs() - this.#beganMs;
    if (this.#rows === 0 || elapsedMs < 500) return null;
    return Math.max(0, Math.round((rows / this.#rows) * (elapsedMs / 1_000)));
  }
}
