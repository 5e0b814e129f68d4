import { storedRecords } from '@millrace/kernel/log';
import type { LogClient, TopicPartition } from '@millrace/kernel/log';
import type { ViewCodec, ViewEntry } from '@millrace/schemas/views';
import type { KeptRecord } from './dead-letters.ts';

export interface LogRange extends TopicPartition {
  readonly from: bigint;
  readonly end: bigint;
}

/**
 * The record of an entry that was read from this range, read from the log once more: entries do not carry their records along for the rare case.
 * Null where compaction has taken it meanwhile: then a newer one of its key is further on.
 */
export async function refusedRecord(
  log: LogClient,
  { topic, partition, from, end }: LogRange,
  codec: ViewCodec,
  entry: ViewEntry,
): Promise<KeptRecord | null> {
  const key = `${entry.kind}:${entry.id}`;
  let found: KeptRecord | null = null;
  for await (const { record } of storedRecords(log, [{ topic, partition, offset: from, end }])) {
    if (record.value === null || record.key?.toString('utf8') !== key) continue;
    // A later one of the same version is the state that was meant.
    if (codec.decode(record.key, record.value)?.lsn !== entry.lsn) continue;
    found = { offset: record.offset, key: Buffer.from(record.key), value: Buffer.from(record.value) };
  }
  return found;
}
