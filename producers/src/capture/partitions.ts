import type { LogRecord, TopicPartition } from '@millrace/kernel/log';
import type { Lsn, Position } from '@millrace/kernel/position';
import { eventTopics } from '@millrace/schemas/topics';
import type { CaptureTopic } from '@millrace/schemas/topics';
import type { ProducersConfig } from '../config.ts';
import { shopDeclaration } from '../declaration/index.ts';
import type { DeclaredTopic } from '../declaration/index.ts';
import type { LogPosition } from './log-positions.ts';

/** Above every ordinal: a watermark at a commit is the end of that commit. */
export const END_OF_COMMIT = Number.MAX_SAFE_INTEGER;

/** One partition of the log as the publisher keeps it. */
export interface PartitionState extends TopicPartition {
  readonly cdcTopic: CaptureTopic;
  /** Without data, a watermark comes only so often; 0 with every round. What is not compacted keeps each of them. */
  readonly idleWatermarkMs: number;
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
  /** When that was, by the scheduler's clock. */
  watermarkedAtMs: number;
}

/** A partition that the capture writes, before anything is known of it. */
export type CapturePartition = TopicPartition & Pick<PartitionState, 'cdcTopic' | 'idleWatermarkMs'>;

const EVENTS_IDLE_MS = 60_000;

/** Every `cdc.*` partition of the topics, in their order; without `topics`, those of the shop. */
export function cdcPartitions(
  topicPrefix: string,
  partitions: number,
  topics: readonly DeclaredTopic[] = shopDeclaration.topics,
): CapturePartition[] {
  return topics.flatMap(({ topic, partitions: own }) => partitionsOf(topic, topicPrefix, own ?? partitions, 0));
}

/** Everything that the capture writes: those, and the events' where an outbox is captured. */
export function capturePartitions({
  topicPrefix,
  partitions,
  outboxTable,
  captureTables,
}: Pick<ProducersConfig, 'topicPrefix' | 'partitions' | 'outboxTable' | 'captureTables'>): CapturePartition[] {
  const cdc = cdcPartitions(topicPrefix, partitions, captureTables.declaration.topics);
  return outboxTable === 'none' ? cdc : [...cdc, ...eventPartitions(topicPrefix, partitions)];
}

export function eventPartitions(topicPrefix: string, partitions: number): CapturePartition[] {
  return eventTopics.flatMap((topic) => partitionsOf(topic, topicPrefix, partitions, EVENTS_IDLE_MS));
}

function partitionsOf(
  cdcTopic: CaptureTopic,
  topicPrefix: string,
  count: number,
  idleWatermarkMs: number,
): CapturePartition[] {
  return Array.from({ length: count }, (_, partition) => ({
    topic: topicPrefix + cdcTopic,
    partition,
    cdcTopic,
    idleWatermarkMs,
  }));
}

/** The publisher's view of partitions whose ends were read. */
export function partitionStates(
  partitions: readonly CapturePartition[],
  positions: readonly LogPosition[],
): PartitionState[] {
  return partitions.map((partition, index) => {
    const last = positions[index]?.last ?? { lsn: 0n, ordinal: -1 };
    const watermark = last.ordinal === END_OF_COMMIT ? last.lsn : last.lsn - 1n;
    return { ...partition, last, records: [], openFrom: -1, partial: false, watermark, watermarkedAtMs: -Infinity };
  });
}

/** Whether the log has that position already. */
export function isHeld({ last }: PartitionState, lsn: Lsn, ordinal: number): boolean {
  return lsn < last.lsn || (lsn === last.lsn && ordinal <= last.ordinal);
}
