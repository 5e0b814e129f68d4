import { lsnText } from '@millrace/kernel/position';
import type { PartitionMark, ViewName } from '@millrace/schemas/stores';
import { greatestMark, partitionKey } from '../port/index.ts';

export interface PartitionStatus {
  readonly view: ViewName;
  readonly partition: number;
  readonly position: string;
  readonly committedAt: string;
  readonly ageMs: number;
  readonly offset: string;
  /** Records of the log that the store has not applied, as of the last fetch. */
  readonly behindRecords: number;
}

/** What the store has applied and how far the log reaches, for /status and metrics. */
export class Progress {
  readonly #marks = new Map<string, PartitionMark>();
  readonly #ends = new Map<string, bigint>();

  applied(marks: readonly PartitionMark[]): void {
    for (const mark of marks) {
      const known = this.#marks.get(partitionKey(mark));
      this.#marks.set(partitionKey(mark), known === undefined ? mark : { ...mark, ...greatestMark(known, mark) });
    }
  }

  /** Takes the store's word over ours: it may have lost what it had. */
  reset(marks: readonly PartitionMark[]): void {
    this.#marks.clear();
    this.applied(marks);
  }

  logEnd(view: ViewName, partition: number, end: bigint): void {
    this.#ends.set(partitionKey({ view, partition }), end);
  }

  status(now: number): PartitionStatus[] {
    return [...this.#marks.values()]
      .sort((a, b) => a.view.localeCompare(b.view) || a.partition - b.partition)
      .map((mark) => ({
        view: mark.view,
        partition: mark.partition,
        position: lsnText(mark.lsn),
        committedAt: new Date(mark.committedAtMs).toISOString(),
        ageMs: Math.max(0, now - mark.committedAtMs),
        offset: mark.offset.toString(),
        behindRecords: Math.max(0, Number((this.#ends.get(partitionKey(mark)) ?? mark.offset) - mark.offset)),
      }));
  }

  /** Greatest age of the view's partitions, ms; null where nothing is applied yet. */
  ageMs(view: ViewName, now: number): number | null {
    const times = [...this.#marks.values()].filter((mark) => mark.view === view).map((mark) => mark.committedAtMs);
    return times.length === 0 ? null : Math.max(0, now - Math.min(...times));
  }
}
