import { PlatformError, isKind } from '@millrace/kernel/errors';
import type { LogReader, PartitionEnd, RecordView } from '@millrace/kernel/log';
import type { Lsn } from '@millrace/kernel/position';
import { isOwnKey } from '@millrace/schemas/markers';
import { deletionOfTombstone } from '@millrace/schemas/views';
import type { ViewCodec } from '@millrace/schemas/views';
import { ChangelogReading } from './changelog-reading.ts';
import type { Settled } from './changelog-reading.ts';
import type { StateRecords } from './state-records.ts';

/** How far a restore is. */
export interface RestoreProgress {
  /** Offsets in the log: where it begins to read, how far it is, where it ends. */
  began(fromOffset: bigint, endOffset: bigint): void;
  read(offset: bigint, records: number): void;
}

export interface Restored extends Settled {
  /** Entries past the last position, by key. */
  readonly tail: ReadonlyMap<string, Lsn>;
  /** Read now: what a reading had before is not among them. */
  readonly records: number;
}

/** A task's state and position as of the end of the last whole result in its log. */
export async function restore(
  reader: LogReader,
  end: PartitionEnd,
  records: StateRecords,
  codec: Pick<ViewCodec, 'decode' | 'prepare'>,
): Promise<Restored & { readonly values: ReadonlyMap<string, string> }> {
  const values = new Map<string, string>();
  const reading = new ChangelogReading(values, records, { offset: end.startOffset });
  return { ...(await restoreTo(end, reading, { reader, codec })), values };
}

export interface RestoreOptions {
  readonly reader: LogReader;
  readonly codec: Pick<ViewCodec, 'decode' | 'prepare'>;
  readonly progress?: RestoreProgress;
}

/**
 * Reads a task's log from where a reading stands up to its writer's barrier: state and position as of the end of the last whole result. What a crash left behind
 * of a result of several batches is taken back (see docs/processors.md, "The batch protocol").
 */
export async function restoreTo(
  end: PartitionEnd,
  reading: ChangelogReading,
  { reader, codec, progress }: RestoreOptions,
): Promise<Restored> {
  const before = reading.count;
  progress?.began(reading.nextOffset, end.barrierOffset);
  const take = (record: RecordView): void => {
    reading.take(record);
  };
  await scan(reader, end, reading.nextOffset, take, (offset) => {
    reading.readTo(offset);
    progress?.read(offset, reading.count - before);
  });
  const { tailOffset } = reading;
  const tail = tailOffset === null ? new Map<string, Lsn>() : await readTail(reader, end, tailOffset, codec);
  return { ...reading.settle(), tail, records: reading.count - before };
}

/** Entries past the last position, by key. */
async function readTail(
  reader: LogReader,
  end: PartitionEnd,
  fromOffset: bigint,
  codec: Pick<ViewCodec, 'decode' | 'prepare'>,
): Promise<Map<string, Lsn>> {
  const tail = new Map<string, Lsn>();
  const entries: { key: Buffer; value: Buffer }[] = [];
  await scan(reader, end, fromOffset, (record) => {
    const { key, value } = record;
    if (key === null || isOwnKey(key)) return;
    if (value !== null) {
      entries.push({ key: Buffer.from(key), value: Buffer.from(value) });
      return;
    }
    // Compaction may have left the tombstone alone.
    const deletion = deletionOfTombstone(record);
    if (deletion !== null) tail.set(`${deletion.kind}:${deletion.id}`, deletion.lsn);
  });
  for (const { key, value } of entries) await takeTail(codec, key, value, tail);
  return tail;
}

async function takeTail(
  codec: Pick<ViewCodec, 'decode' | 'prepare'>,
  key: Buffer,
  value: Buffer,
  tail: Map<string, Lsn>,
): Promise<void> {
  let entry: ReturnType<ViewCodec['decode']>;
  try {
    entry = codec.decode(key, value);
  } catch (error) {
    if (!isKind(error, 'schema-unknown')) throw error;
    await codec.prepare(value);
    entry = codec.decode(key, value);
  }
  const id = entry === null ? '' : `${entry.kind}:${entry.id}`;
  if (entry !== null && entry.lsn > (tail.get(id) ?? -1n)) tail.set(id, entry.lsn);
}

/** Every record in [from, barrier), once. */
async function scan(
  reader: LogReader,
  { topic, partition, barrierOffset }: PartitionEnd,
  from: bigint,
  take: (record: RecordView) => void,
  isAt?: (offset: bigint) => void,
): Promise<void> {
  if (from >= barrierOffset) return;
  reader.assign([{ topic, partition, offset: from }]);
  for (let next = from; next < barrierOffset;) {
    for (const batch of await reader.poll(1000)) {
      const last = batch.nextOffset > barrierOffset;
      for (const record of batch.records) if (!last || record.offset < barrierOffset) take(record);
      if (batch.nextOffset < next)
        throw new PlatformError('internal', `${topic}/${partition} went back while it was read`);
      next = batch.nextOffset;
      isAt?.(next);
    }
  }
  reader.unassign([{ topic, partition }]);
}
