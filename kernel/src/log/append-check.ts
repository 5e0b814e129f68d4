import { PlatformError } from '../errors/index.ts';
import type { AppendRequest, TopicPartition } from './port.ts';

export const partitionName = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/**
 * Refuses an append that no writer may pass on, before anything of it is sent.
 * @throws PlatformError `internal` where a partition is not the writer's, comes twice, or gets no record.
 */
export function checkAppend(
  writer: string,
  isIts: (partition: string) => boolean,
  batches: readonly AppendRequest[],
): void {
  const seen = new Set<string>();
  for (const batch of batches) {
    const name = partitionName(batch);
    if (!isIts(name)) throw new PlatformError('internal', `Writer ${writer} was not opened for ${name}.`);
    if (seen.has(name)) throw new PlatformError('internal', `Records of ${name} must be one batch of an append.`);
    if (batch.records.length === 0) throw new PlatformError('internal', `The batch for ${name} is empty.`);
    seen.add(name);
  }
}
