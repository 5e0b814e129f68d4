/** Time and timers, injected so that tests neither sleep nor guess. */
export interface Scheduler {
  nowMs(): number;
  /** Calls `run` once after `delayMs`; the answer takes it back. */
  after(delayMs: number, run: () => void): () => void;
}

export const realScheduler: Scheduler = {
  nowMs: () => performance.now(),
  after(delayMs, run) {
    if (delayMs <= 0) {
      const immediate = setImmediate(run);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** While commits flow, every partition gets a watermark this often. */
const FLOWING_MS = 50;
/** After a commit, so long, in case the source says at once how far it has come. */
const SETTLE_MS = 2;
/** The source has gone on without a commit (others' waiting reads may need it): not more often than this. */
const IDLE_MS = 5;

/** When the partitions that got no data are to get a watermark. */
export class WatermarkSchedule {
  readonly #scheduler: Scheduler;
  readonly #run: () => void;
  #lastMs = Number.NEGATIVE_INFINITY;
  #dueMs = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | null = null;

  constructor(scheduler: Scheduler, run: () => void) {
    this.#scheduler = scheduler;
    this.#run = run;
  }

  commit(): void {
    this.#at(Math.max(this.#lastMs + FLOWING_MS, this.#scheduler.nowMs() + SETTLE_MS));
  }

  idle(): void {
    this.#at(this.#lastMs + IDLE_MS);
  }

  /** Whether it is time, so that a flush made now takes all partitions. */
  due(): boolean {
    return this.#scheduler.nowMs() >= this.#dueMs;
  }

  /** All partitions got theirs. */
  flushed(): void {
    this.stop();
    this.#lastMs = this.#scheduler.nowMs();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  #at(dueMs: number): void {
    if (dueMs >= this.#dueMs) return;
    this.#cancel?.();
    this.#dueMs = dueMs;
    this.#cancel = this.#scheduler.after(dueMs - this.#scheduler.nowMs(), () => {
      this.#cancel = null;
      this.#dueMs = Number.POSITIVE_INFINITY;
      this.#run();
    });
  }
}
