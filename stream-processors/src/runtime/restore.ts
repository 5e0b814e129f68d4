import { PlatformError, isKind } from '@millrace/kernel/errors';
import type { LogReader, PartitionEnd, RecordView } from '@millrace/kernel/log';
import type { Lsn } from '@millrace/kernel/position';
import { isOwnKey } from '@millrace/schemas/markers';
import { deletionOfTombstone } from '@millrace/schemas/views';
import type { ViewCodec } from '@millrace/schemas/views';
import type { StateRecords, StateValue, TaskPosition } from './state-records.ts';
import { startsWithOneOf } from './key-prefix.ts';
import { POSITION_KEY } from './state-records.ts';

/** Where restored values go: JSON by record key. */
export interface RestoredValues {
  set(recordKey: string, json: string): unknown;
  delete(recordKey: string): unknown;
}

/** What is known of the log's beginning without reading it. */
export interface RestoreFrom {
  /** Everything below is in the values already. */
  readonly offset: bigint;
  readonly position: TaskPosition;
  readonly gone: readonly string[];
}

/** How far a restore is. */
export interface RestoreProgress {
  /** Offsets in the log: where it begins to read, how far it is, where it ends. */
  began(fromOffset: bigint, endOffset: bigint): void;
  read(offset: bigint, records: number): void;
}

export interface Restored {
  readonly position: TaskPosition | null;
  /** Offset after that position's record; null where it was not among what was read. */
  readonly positionEnd: bigint | null;
  /** Keys whose newest record is of a result that never ended: their value is the one before it, to be written again. */
  readonly rewrite: readonly string[];
  /** Keys that are gone without a tombstone. */
  readonly gone: readonly string[];
  /** Entries past the last position, by key. */
  readonly tail: ReadonlyMap<string, Lsn>;
  readonly records: number;
}

const STATE_KEYS = ['_state/', '_timer/', '_parked/'].map((prefix) => Buffer.from(prefix));
const POSITION_KEYS = [Buffer.from(POSITION_KEY)];

/** A task's state and position as of the end of the last whole result in its log. */
export async function restore(
  reader: LogReader,
  end: PartitionEnd,
  records: StateRecords,
  codec: Pick<ViewCodec, 'decode' | 'prepare'>,
): Promise<Restored & { readonly values: ReadonlyMap<string, string> }> {
  const values = new Map<string, string>();
  return { ...(await restoreInto(values, { reader, end, records, codec })), values };
}

export interface RestoreOptions {
  readonly reader: LogReader;
  readonly end: PartitionEnd;
  readonly records: StateRecords;
  readonly codec: Pick<ViewCodec, 'decode' | 'prepare'>;
  readonly from?: RestoreFrom;
  readonly progress?: RestoreProgress;
}

/**
 * Reads a task's log up to its writer's barrier: state and position as of the end of the last whole result. What a crash left behind of a
 * result of several batches is taken back (see docs/processors.md, "The batch protocol"). The newest record of each key decides: those below
 * `from.offset` are known to `values` already, the others are read.
 */
export async function restoreInto(values: RestoredValues, options: RestoreOptions): Promise<Restored> {
  const { reader, end, records, codec, from, progress } = options;
  const fromOffset = from?.offset ?? end.startOffset;
  const halves = new Map<string, StateValue>();
  const found = {
    position: from?.position ?? null,
    positionEnd: null as bigint | null,
    tailOffset: fromOffset,
    tailHasEntries: false,
    records: 0,
  };
  progress?.began(fromOffset, end.barrierOffset);
  const take = (record: RecordView): void => {
    const { key } = record;
    found.records++;
    if (key === null) return;
    if (!isOwnKey(key)) {
      found.tailHasEntries = true;
    } else if (startsWithOneOf(key, STATE_KEYS)) {
      takeState(records, key.toString('utf8'), record.value, values, halves);
    } else if (startsWithOneOf(key, POSITION_KEYS)) {
      if (record.value === null) return;
      found.position = records.readPosition(record.value);
      found.positionEnd = found.tailOffset = record.offset + 1n;
      found.tailHasEntries = false;
    }
  };
  await scan(reader, end, fromOffset, take, (offset) => progress?.read(offset, found.records));
  const tail = found.tailHasEntries ? await readTail(reader, end, found.tailOffset, codec) : new Map<string, Lsn>();
  const { position, positionEnd } = found;
  const { rewrite, gone } = settle(values, halves, position);
  return { position, positionEnd, tail, records: found.records, rewrite, gone: [...(from?.gone ?? []), ...gone] };
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

function takeState(
  records: StateRecords,
  key: string,
  value: Buffer | null,
  values: RestoredValues,
  halves: Map<string, StateValue>,
): void {
  const state = value === null ? null : records.readState(value);
  if (state?.undo) {
    halves.set(key, state);
    return;
  }
  if (halves.size > 0) halves.delete(key);
  if (state === null || state.value === null) values.delete(key);
  else values.set(key, state.value);
}

/** Which of the undoable records count: those of a result whose end is in the log. */
function settle(
  values: RestoredValues,
  halves: ReadonlyMap<string, StateValue>,
  position: TaskPosition | null,
): { rewrite: string[]; gone: string[] } {
  const rewrite: string[] = [];
  const gone: string[] = [];
  for (const [key, { lsn, value, undo }] of halves) {
    const whole = position !== null && lsn <= position.lsn;
    const stands = whole ? value : (undo?.value ?? null);
    if (!whole) rewrite.push(key);
    else if (stands === null) gone.push(key);
    if (stands === null) values.delete(key);
    else values.set(key, stands);
  }
  return { rewrite, gone };
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
