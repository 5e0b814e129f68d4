import type { PartitionMark } from '@millrace/schemas/stores';
import { greatestMark, partitionKey } from '../port/index.ts';

export interface PublisherSteps {
  /** Makes what is written so far findable. */
  readonly refresh: () => Promise<void>;
  readonly storeMarks: (marks: readonly PartitionMark[]) => Promise<void>;
  readonly published: (marks: readonly PartitionMark[]) => void;
  readonly failed: (error: unknown) => void;
}

export interface PublisherClock {
  readonly now: () => number;
  /** Answers how to cancel. */
  readonly after: (ms: number, run: () => void) => () => void;
}

export const systemClock: PublisherClock = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};

/**
 * Turns "durable" into "findable", then stores marks: a stored mark means that a search sees everything up to it.
 *
 * A round is one refresh (left out where nothing was written) and one write of all waiting marks. Rounds start at least `intervalMs` apart,
 * the first after a quiet time at once; marks that arrive during a round belong to the next. After a failure nothing is published any
 * more: `failed` is told once.
 */
export class Publisher {
  readonly #intervalMs: number;
  readonly #steps: PublisherSteps;
  readonly #clock: PublisherClock;
  readonly #waiting = new Map<string, PartitionMark>();
  #dirty = false;
  #lastStart = -Infinity;
  #cancel: (() => void) | null = null;
  #round: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(intervalMs: number, steps: PublisherSteps, clock = systemClock) {
    this.#intervalMs = intervalMs;
    this.#steps = steps;
    this.#clock = clock;
  }

  /** `wrote`: whether entries were written that the marks speak of. */
  add(marks: readonly PartitionMark[], wrote: boolean): void {
    for (const mark of marks) {
      const known = this.#waiting.get(partitionKey(mark));
      this.#waiting.set(partitionKey(mark), known === undefined ? mark : { ...mark, ...greatestMark(known, mark) });
    }
    this.#dirty ||= wrote;
    this.#schedule();
  }

  /** Publishes what waits, without regard to the interval. Throws what failed. */
  async flush(): Promise<void> {
    while (this.#failure === null && (this.#round !== null || this.#waiting.size > 0)) {
      await (this.#round ?? this.#start());
    }
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Drops what waits; a round under way ends by itself. */
  close(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#waiting.clear();
    this.#failure ??= { error: new Error('the publisher is closed') };
  }

  #schedule(): void {
    if (this.#cancel !== null || this.#round !== null || this.#failure !== null || this.#waiting.size === 0) return;
    const waitMs = Math.max(0, this.#lastStart + this.#intervalMs - this.#clock.now());
    this.#cancel = this.#clock.after(waitMs, () => void this.#start());
  }

  #start(): Promise<void> {
    this.#cancel?.();
    this.#cancel = null;
    this.#lastStart = this.#clock.now();
    this.#round = this.#run().finally(() => {
      this.#round = null;
      this.#schedule();
    });
    return this.#round;
  }

  async #run(): Promise<void> {
    const marks = [...this.#waiting.values()];
    const dirty = this.#dirty;
    this.#waiting.clear();
    this.#dirty = false;
    try {
      if (dirty) await this.#steps.refresh();
      await this.#steps.storeMarks(marks);
      if (this.#failure === null) this.#steps.published(marks);
    } catch (error) {
      if (this.#failure !== null) return;
      this.#failure = { error };
      this.#steps.failed(error);
    }
  }
}
