import type { LogRecord } from '@millrace/kernel/log';
import type { AppliedPosition, Lsn } from '@millrace/kernel/position';
import type { ViewCodec } from '@millrace/schemas/views';
import type { LetterId } from './parked.ts';
import type { AnyProcessor } from './processor.ts';
import type { StateRecords, TaskPosition } from './state-records.ts';

export interface TaskInput {
  readonly topic: string;
  readonly partition: number;
}

export interface TaskOptions {
  readonly processor: AnyProcessor;
  /** Those of `processor.inputs` in their order, a topic read in all its partitions once for each; with the topics as the log names them. */
  readonly inputs: readonly TaskInput[];
  /** Whether an id belongs in the task's partition. */
  readonly owns: (id: string) => boolean;
  readonly codec: Pick<ViewCodec, 'encode'>;
  readonly records: StateRecords;
  readonly watermark: (applied: AppliedPosition) => LogRecord;
  /** Told apart from every other life of this task, before and after. */
  readonly life: string;
  /** Most bytes of one batch; a result that is larger is split. */
  readonly maxBatchBytes: number;
  /** A result is ended at the first step after this many bytes, near enough. */
  readonly resultBytes: number;
  /** A commit that touches more aggregates than this is emitted while its batches are appended. */
  readonly lazyAbove: number;
}

/** Where a task goes on: what a restore found. */
export interface TaskStart {
  readonly position: TaskPosition | null;
  /** Entries in the log past the last position, by key: half of a result whose end never came. They are not written again. */
  readonly tail: ReadonlyMap<string, Lsn>;
  /** Keys that are gone without a tombstone. */
  readonly gone: readonly string[];
}

export interface DeadLetter {
  readonly input: TaskInput;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly kind: string;
  readonly message: string;
  readonly lsn: Lsn;
  /** Key of the timer whose handler threw, where it was one. */
  readonly timer: string | null;
  /** The first of its aggregate, which is parked with it. */
  readonly parks: string | null;
  /** Null where nothing is parked with it. */
  readonly id: LetterId | null;
}
