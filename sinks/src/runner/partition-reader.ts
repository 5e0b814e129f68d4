import type { Lsn } from '@millrace/kernel/position';
import type { FetchedBatch, RecordView } from '@millrace/kernel/log';
import { asPlatformError, isKind } from '@millrace/kernel/errors';
import { isOwnKey, isWatermarkKey, readWatermark } from '@millrace/schemas/markers';
import type { AppliedMark, ViewName } from '@millrace/schemas/stores';
import { viewKinds } from '@millrace/schemas/views';
import type { ViewCodec, ViewEntry } from '@millrace/schemas/views';
import { greatestMark } from '../port/index.ts';
import type { Unapplied } from './dead-letters.ts';

export interface ReadBatch {
  readonly entries: readonly ViewEntry[];
  /** As far as the partition is applied once these entries are. */
  readonly mark: AppliedMark;
}

export interface PartitionReaderOptions {
  readonly view: ViewName;
  readonly partition: number;
  readonly codec: ViewCodec;
  /** Where the store stands; the log is read from its offset on. */
  readonly start: AppliedMark;
  /** For a record that no version of our schemas reads. Resolves when it is kept. */
  readonly deadLetter: (malformed: Unapplied) => Promise<void>;
}

/**
 * Turns the records of one partition of a view's topic into entries and a growing mark.
 *
 * The mark's position is that of the last watermark record, never that of an entry: an entry's commit may have more entries to come. A
 * tombstone repeats the delete record right before it and is left out; where compaction has taken the delete record away, the tombstone
 * deletes by itself, one position above all that was read before it (the deleting commit was not below those, and a later one that brings
 * the entry back is above it). Keeps no reference to the fetched buffers.
 */
export class PartitionReader {
  readonly #options: PartitionReaderOptions;
  #mark: AppliedMark;
  #highestLsn: Lsn;
  #highestTsUs: number;
  #lastDeleted = '';

  constructor(options: PartitionReaderOptions) {
    this.#options = options;
    this.#mark = options.start;
    this.#highestLsn = options.start.lsn;
    this.#highestTsUs = options.start.committedAtMs * 1000;
  }

  async read(batch: FetchedBatch): Promise<ReadBatch> {
    const entries: ViewEntry[] = [];
    for (const record of batch.records) {
      const { key, value } = record;
      if (isOwnKey(key)) {
        if (isWatermarkKey(key) && value !== null) await this.#watermark(record, value);
        continue;
      }
      const entry =
        value === null ? this.#tombstone(key) : (this.#decoded(record, value) ?? (await this.#settle(record, value)));
      if (entry === null) continue;
      entries.push(entry);
      this.#lastDeleted = entry.data === null ? keyOf(entry) : '';
      if (entry.lsn > this.#highestLsn) this.#highestLsn = entry.lsn;
      if (entry.tsUs > this.#highestTsUs) this.#highestTsUs = entry.tsUs;
    }
    this.#mark = { ...this.#mark, offset: batch.nextOffset };
    return { entries, mark: this.#mark };
  }

  async #watermark(record: RecordView, value: Buffer): Promise<void> {
    try {
      const { lsn, tsUs } = readWatermark(value);
      const read = { lsn, committedAtMs: Math.floor(tsUs / 1000), offset: this.#mark.offset };
      this.#mark = greatestMark(this.#mark, read);
      if (lsn > this.#highestLsn) this.#highestLsn = lsn;
    } catch (error) {
      await this.#options.deadLetter({ record, error: asPlatformError(error, 'record-malformed') });
    }
  }

  #tombstone(key: Buffer | null): ViewEntry | null {
    const text = key?.toString('utf8') ?? '';
    const colon = text.indexOf(':');
    const kind = viewKinds.find((candidate) => candidate === text.slice(0, colon));
    if (kind === undefined || text === this.#lastDeleted) return null;
    return { kind, id: text.slice(colon + 1), lsn: this.#highestLsn + 1n, tsUs: this.#highestTsUs, data: null };
  }

  /** The common road, without a promise for each record; null where something is wrong or its schema is not loaded yet. */
  #decoded(record: RecordView, value: Buffer): ViewEntry | null {
    try {
      return this.#options.codec.decode(record.key, value);
    } catch {
      return null;
    }
  }

  /** Fetches the schema where that was missing; keeps what cannot be read then either. */
  async #settle(record: RecordView, value: Buffer): Promise<ViewEntry | null> {
    const { codec, deadLetter } = this.#options;
    try {
      try {
        return required(codec.decode(record.key, value));
      } catch (error) {
        if (!isKind(error, 'schema-unknown')) throw error;
        await codec.prepare(value);
        return required(codec.decode(record.key, value));
      }
    } catch (error) {
      // The registry's silence says nothing about the record.
      if (isKind(error, 'engine-unreachable')) throw error;
      await deadLetter({ record, error: asPlatformError(error, 'record-malformed') });
      return null;
    }
  }
}

/** The codec answers null only for tombstones and our own keys, and for records without a key, which no writer of ours makes. */
function required(entry: ViewEntry | null): ViewEntry {
  if (entry === null) throw new TypeError('a record without a key');
  return entry;
}

const keyOf = ({ kind, id }: ViewEntry): string => `${kind}:${id}`;
