import { lsnText } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import type { PartitionMark } from '@millrace/schemas/stores';
import { partitionKey } from '../port/index.ts';

/** A store that loses acknowledged writes (a replica took a node's place) loses those of the last seconds; this is far longer. */
const SETTLES_AFTER_MS = 60_000;

/**
 * Up to which position partitions were applied a minute ago: what entries up to there have had done to sorted sets need not be remembered any
 * more. Knows what was stored since the sink was opened, nothing before.
 */
export class SettledPosition {
  readonly #marks = new Map<string, Lsn>();
  #settled: ReadonlyMap<string, Lsn> = new Map();
  /** The marks of a moment, ms; settled a minute later. */
  #next: { readonly marks: ReadonlyMap<string, Lsn>; readonly sinceMs: number } | null = null;

  /** These marks are stored. */
  stored(marks: readonly PartitionMark[], nowMs: number): void {
    for (const mark of marks) this.#marks.set(partitionKey(mark), mark.lsn);
    this.#next ??= { marks: new Map(this.#marks), sinceMs: nowMs };
  }

  /** For entries of these partitions, as the scripts compare it; '' for none. */
  of(partitions: readonly { view: string; partition: number }[], nowMs: number): string {
    if (this.#next !== null && nowMs - this.#next.sinceMs >= SETTLES_AFTER_MS) {
      this.#settled = this.#next.marks;
      this.#next = null;
    }
    let lowest: Lsn | null = null;
    for (const partition of partitions) {
      const lsn = this.#settled.get(partitionKey(partition));
      if (lsn === undefined) return '';
      if (lowest === null || lsn < lowest) lowest = lsn;
    }
    return lowest === null ? '' : lsnText(lowest);
  }
}
