import type { PlatformError } from '@millrace/kernel/errors';
import type { AppliedMark, PartitionMark, ViewName } from '@millrace/schemas/stores';
import type { ViewEntry } from '@millrace/schemas/views';

/** Entries of one partition of a view, in the log's order, and what is applied once they are. */
export interface SinkBatch {
  readonly view: ViewName;
  readonly partition: number;
  /** May be empty: then only the mark moves on. `data: null` deletes. */
  readonly entries: readonly ViewEntry[];
  /** Holds as soon as the entries are in the store, given all earlier batches of the partition. */
  readonly applied: AppliedMark;
}

/** An entry that the store will never take, for a reason that is the entry's own. */
export interface Refusal {
  readonly entry: ViewEntry;
  readonly error: PlatformError;
}

/** What a sink tells its runner. */
export interface SinkObserver {
  /** These marks are stored: readers of the store can see all they say. */
  readonly applied: (marks: readonly PartitionMark[]) => void;
  /** Work that went on after `write` resolved has failed for good: the sink must be opened anew. */
  readonly failed: (error: unknown) => void;
  /** Told during a `write`, of entries of it. Resolves when they are kept elsewhere. */
  readonly refused: (refusals: readonly Refusal[]) => Promise<void>;
}

/**
 * A store that follows views.
 *
 * What a sink is given: the batches of a partition in order, except that any batch may come again, whole or in part, also after newer ones.
 * One `write` at a time; a write holds at most one batch per partition. Between partitions there is no order. The same key may occur
 * several times in a batch, its versions growing.
 *
 * What a sink guarantees:
 * 1. Each entry is written with its commit's position as version, and only where the store holds no newer one. An equal version is written
 *    again: it is the same entry, or a later state from the same split commit.
 * 2. A delete is remembered with its position, so that a late duplicate of the entry does not bring it back.
 * 3. `write` resolves only when the store holds the entries durably (as durably as it is configured to hold anything).
 * 4. A batch's mark is stored in the store itself, after its entries are visible to readers, at the latest when `flush` resolves. No part
 *    of a stored mark ever goes back.
 * 5. After a crash at any point, going on from the offsets of `positions` ends in the same contents as if nothing had happened.
 * 6. Lists, totals and other contents derived from entries follow them exactly: applying a batch again changes none.
 * 7. An entry that the store refuses for a reason of its own is told (`refused`), all others are written; a mark passes it only once it is kept.
 *    Its document stays as it was.
 *
 * Errors: `store-unavailable` where waiting may mend it (then close, open, and go on from `positions`: an unsettled write may be applied
 * or not); `store-rejected` where it never will. After either the sink must be closed.
 */
export interface Sink {
  /** The store's name in settings, logs, metrics and /status. */
  readonly name: string;
  /** The views whose entries this store holds; others must not be given to it. */
  readonly views: readonly ViewName[];
  /** What an operator should do although nothing is broken; known while the sink is open, absent or null where there is nothing. */
  readonly advice?: string | null;
  /** Connects and creates what is missing: databases, tables, indices, scripts. Idempotent, also beside another process. */
  open(observer: SinkObserver): Promise<void>;
  /** The stored marks; a partition without one was never applied. */
  positions(): Promise<readonly PartitionMark[]>;
  write(batches: readonly SinkBatch[]): Promise<void>;
  /** Waits until the marks of everything written are stored. */
  flush(): Promise<void>;
  /** Ends connections and timers; does not flush. Never throws. May be opened again. */
  close(): Promise<void>;
}

/** Keeps nothing: what a store refuses fails the write. */
export const silentObserver: SinkObserver = {
  applied: () => undefined,
  failed: () => undefined,
  refused: (refusals) => Promise.reject(refusals[0]?.error ?? new Error('nothing was refused')),
};
