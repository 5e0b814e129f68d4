import type { LogRecord, TopicPartition } from '@millrace/kernel/log';
import type { Lsn, Position } from '@millrace/kernel/position';
import { cdcTopics, partitionCount } from '@millrace/schemas/topics';
import type { CdcTopic } from '@millrace/schemas/topics';

/** Above every ordinal: a watermark at a commit is the end of that commit. */
export const END_OF_COMMIT = Number.MAX_SAFE_INTEGER;

/** One partition of the log as the publisher keeps it. */
export interface PartitionState extends TopicPartition {
  readonly cdcTopic: CdcTopic;
  /** The last position in the log; what is at or below it is dropped. */
  readonly last: Position;
  /** Records gathered for the next flush. */
  records: LogRecord[];
  /** Where in `records` the rows of the transaction that has not ended begin; -1 where it has none. */
  openFrom: number;
  /** Rows of the transaction that has not ended were flushed already: no watermark until it ends. */
  partial: boolean;
  /** The highest watermark handed over. */
  watermark: Lsn;
}

/** Every `cdc.*` partition, in the catalogue's order. */
export function cdcPartitions(topicPrefix: string, partitions: number): (TopicPartition & { cdcTopic: CdcTopic })[] {
  return cdcTopics.flatMap((cdcTopic) =>
    Array.from({ length: partitionCount(cdcTopic, partitions) }, (_, partition) => ({
      topic: topicPrefix + cdcTopic,
      partition,
      cdcTopic,
    })),
  );
}
