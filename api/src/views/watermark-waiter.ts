import type { Lsn } from '@millrace/kernel/position';
import { sleep as realSleep } from '@millrace/kernel/retry';
import { lowestMark } from '@millrace/schemas/stores';
import type { AppliedMark, ViewName } from '@millrace/schemas/stores';

/** What a store has applied of a view, by partition. */
export type Marks = ReadonlyMap<number, AppliedMark>;
export type MarkReader = (view: ViewName) => Promise<Marks>;

export interface WaiterOptions {
  readonly read: MarkReader;
  /** Partitions of every view: a view without a mark for one of them has not said anything of it. */
  readonly partitions: number;
  /** Between two looks at the store while someone waits. */
  readonly pollMs: number;
  readonly now?: () => number;
  readonly sleep?: (ms: number) => Promise<void>;
}

/** One partition, or all of them for what is spread over the view. */
export type Scope = number | 'all';

interface Waiting {
  readonly scope: Scope;
  readonly lsn: Lsn;
  readonly deadline: number;
  readonly settle: (mark: AppliedMark | null) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Waits until a store has a position. However many requests wait, a view's marks are read by one poller, which runs only while someone
 * waits.
 */
export class WatermarkWaiter {
  readonly #options: Required<WaiterOptions>;
  readonly #waiting = new Map<ViewName, Set<Waiting>>();
  readonly #recent = new Map<ViewName, { readonly at: number; readonly marks: Promise<Marks> }>();

  constructor(options: WaiterOptions) {
    this.#options = { now: Date.now, sleep: (ms) => realSleep(ms), ...options };
  }

  /** The mark at or above `lsn` as soon as the store has it; null after `timeoutMs` without. Throws what reading the store throws. */
  waitFor(view: ViewName, scope: Scope, lsn: Lsn, timeoutMs: number): Promise<AppliedMark | null> {
    return new Promise((settle, fail) => {
      const waiting = { scope, lsn, deadline: this.#options.now() + timeoutMs, settle, fail };
      const others = this.#waiting.get(view);
      if (others !== undefined) {
        others.add(waiting);
        return;
      }
      this.#waiting.set(view, new Set([waiting]));
      void this.#poll(view);
    });
  }

  /** Marks read at most `maxAgeMs` ago: still true, since marks only grow. Concurrent callers share one read. */
  async recent(view: ViewName, maxAgeMs: number): Promise<Marks> {
    const at = this.#options.now();
    const known = this.#recent.get(view);
    if (known !== undefined && at - known.at <= maxAgeMs) return known.marks;
    const marks = this.#options.read(view);
    this.#recent.set(view, { at, marks });
    try {
      return await marks;
    } catch (error) {
      this.#recent.delete(view);
      throw error;
    }
  }

  /** The mark of one partition, or the lowest of all; null where one is missing. */
  markIn(marks: Marks, scope: Scope): AppliedMark | null {
    return markIn(marks, scope, this.#options.partitions);
  }

  async #poll(view: ViewName): Promise<void> {
    const { read, now, sleep, pollMs, partitions } = this.#options;
    const waiting = this.#waiting.get(view) ?? new Set();
    while (waiting.size > 0) {
      try {
        const marks = await read(view);
        for (const one of waiting) {
          const mark = markIn(marks, one.scope, partitions);
          const reached = mark !== null && mark.lsn >= one.lsn;
          if (!reached && now() < one.deadline) continue;
          waiting.delete(one);
          one.settle(reached ? mark : null);
        }
      } catch (error) {
        for (const one of waiting) one.fail(error);
        waiting.clear();
      }
      if (waiting.size > 0) await sleep(pollMs);
    }
    this.#waiting.delete(view);
  }
}

export function markIn(marks: Marks, scope: Scope, partitions: number): AppliedMark | null {
  if (scope !== 'all') return marks.get(scope) ?? null;
  const all = Array.from({ length: partitions }, (_, partition) => marks.get(partition));
  const known = all.filter((mark) => mark !== undefined);
  return known.length === partitions ? lowestMark(known) : null;
}
