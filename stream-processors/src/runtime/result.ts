import type { LogRecord } from '@millrace/kernel/log';
import type { Lsn } from '@millrace/kernel/position';
import type { StateStore } from './state-store.ts';
import type { StateRecords, TaskPosition } from './state-records.ts';

/** What a record weighs in a batch, near enough. */
export function recordBytes(record: LogRecord): number {
  return 12 + (record.key?.length ?? 0) + (record.value?.length ?? 0);
}

export interface ResultParts {
  /** Encoded entries of the result, in order; may be long and is then made as it is read. */
  readonly entries: Iterable<LogRecord>;
  readonly stores: readonly StateStore[];
  /** `_position` and `_watermark`. */
  readonly end: readonly LogRecord[];
  readonly position: TaskPosition;
  readonly maxBatchBytes: number;
}

/**
 * Lays a result out as record batches; normally one. The batch that holds `_position` is the end marker: a restore takes nothing that comes
 * after the last one. Entries may be in earlier batches. State may too, and then carries the value it replaces (`undo`), because compaction
 * may drop the older record before the result is whole. `gone` is told of keys deleted in such records, for a tombstone later.
 */
export function* resultBatches(
  records: StateRecords,
  parts: ResultParts,
  gone: (key: string) => void,
): Generator<readonly LogRecord[]> {
  const { maxBatchBytes } = parts;
  let batch: LogRecord[] = [];
  let bytes = 0;
  const endBytes = parts.end.reduce((sum, record) => sum + recordBytes(record), 0);
  const add = (record: LogRecord, size: number): void => {
    batch.push(record);
    bytes += size;
  };
  const full = (size: number): boolean => batch.length > 0 && bytes + size + endBytes > maxBatchBytes;

  for (const record of parts.entries) {
    // A deletion's tombstone comes with it: a restart leaves out a deletion that is there, and with it what belongs to it.
    const size = recordBytes(record);
    if (full(size) && !isTombstoneOf(batch.at(-1), record)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    add(record, size);
  }
  const entries = { count: batch.length, bytes };
  const { lsn } = parts.position;
  let split = false;
  for (const store of parts.stores) {
    if (split) break;
    for (const slot of store.dirty) {
      const text = store.takeJson(slot);
      const record = atomic(records, store.recordPrefix + slot.key, text, lsn);
      const size = recordBytes(record);
      if (full(size)) {
        split = true;
        break;
      }
      add(record, size);
    }
  }
  if (split) {
    // Over again, this time so that half of it can be undone.
    batch.length = entries.count;
    bytes = entries.bytes;
    for (const store of parts.stores) {
      for (const slot of store.dirty) {
        const key = store.recordPrefix + slot.key;
        const text = store.takeJson(slot);
        const undo = { value: slot.previous === undefined ? null : JSON.stringify(slot.previous) };
        const record = records.state(key, { lsn, value: text, undo });
        if (text === null) gone(key);
        const size = recordBytes(record);
        if (full(size)) {
          yield batch;
          batch = [];
          bytes = 0;
        }
        add(record, size);
      }
    }
  }
  batch.push(...parts.end);
  yield batch;
}

function isTombstoneOf(deletion: LogRecord | undefined, record: LogRecord): boolean {
  return record.value === null && deletion?.key === record.key;
}

function atomic(records: StateRecords, key: string, text: string | null, lsn: Lsn): LogRecord {
  return text === null ? records.tombstone(key) : records.state(key, { lsn, value: text, undo: null });
}
