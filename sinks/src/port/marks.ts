import type { AppliedMark, PartitionMark } from '@millrace/schemas/stores';
import type { SinkBatch } from './sink.ts';

/** Each part the greater of the two: marks only grow, whatever order they arrive in. */
export function greatestMark(a: AppliedMark, b: AppliedMark): AppliedMark {
  return {
    lsn: a.lsn > b.lsn ? a.lsn : b.lsn,
    committedAtMs: Math.max(a.committedAtMs, b.committedAtMs),
    offset: a.offset > b.offset ? a.offset : b.offset,
  };
}

export function partitionKey({ view, partition }: { view: string; partition: number }): string {
  return `${view}/${partition}`;
}

export function markOf({ view, partition, applied }: SinkBatch): PartitionMark {
  return { view, partition, ...applied };
}
