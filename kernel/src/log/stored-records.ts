import { PlatformError } from '../errors/index.ts';
import type { LogClient, RecordView, TopicPartition } from './port.ts';

/** Part of a partition: from `offset` on, up to `end`, which is not in it. */
export interface LogRange extends TopicPartition {
  readonly offset: bigint;
  readonly end: bigint;
}

export interface StoredRecord extends TopicPartition {
  /** A view: valid until the next record is asked for. */
  readonly record: RecordView;
}

const POLL_MS = 1_000;
const MOST_SILENT_POLLS = 60;

/** All that a topic holds now, partition by partition. Throws `topic-missing`. */
export async function rangesOf(log: LogClient, topic: string): Promise<readonly LogRange[]> {
  const partitions = await log.admin.offsets(topic);
  return partitions.map(({ partition, start, end }) => ({ topic, partition, offset: start, end }));
}

/**
 * Every record of the ranges that compaction has left, range after range, each in log order. Memory is bounded by a fetch. Closes its reader also
 * where nobody asks for the rest. Throws `engine-unreachable` where the log gives nothing for a minute.
 */
export async function* storedRecords(log: LogClient, ranges: readonly LogRange[]): AsyncGenerator<StoredRecord> {
  const reader = log.createReader();
  try {
    for (const { topic, partition, offset, end } of ranges) {
      reader.assign([{ topic, partition, offset }]);
      let silent = 0;
      for (let next = offset; next < end;) {
        const batches = await reader.poll(POLL_MS);
        silent = batches.length > 0 ? 0 : silent + 1;
        if (silent > MOST_SILENT_POLLS) {
          throw new PlatformError('engine-unreachable', `the log does not give the records of ${topic}/${partition}`);
        }
        for (const batch of batches) {
          for (const record of batch.records) if (record.offset < end) yield { topic, partition, record };
          next = batch.nextOffset;
        }
      }
      reader.unassign([{ topic, partition }]);
    }
  } finally {
    await reader.close();
  }
}
