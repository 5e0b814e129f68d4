import { asPlatformError, isKind } from '@millrace/kernel/errors';
import type { FetchedBatch, RecordView } from '@millrace/kernel/log';
import type { ChangeDecoder } from '@millrace/schemas/cdc';
import { isOwnKey, isWatermarkKey, readWatermark } from '@millrace/schemas/markers';
import { capturedTables } from '@millrace/schemas/topics';
import type { ViewCodec, ViewEntry } from '@millrace/schemas/views';
import { deletionOfTombstone, viewKinds } from '@millrace/schemas/views';
import { Origin } from './element.ts';
import type { InputQueue } from './merge.ts';
import type { InputSpec } from './processor.ts';
import { startsWithOneOf } from './key-prefix.ts';
import { deleteOfTombstone } from './tombstone.ts';

/** What decoding needs, shared by all tasks of a process. */
export interface InputCodecs {
  readonly changes: ChangeDecoder;
  /** By the view's topic, without prefix. */
  readonly views: ReadonlyMap<string, Pick<ViewCodec, 'decode' | 'prepare'>>;
}

/** Counts since the start. */
export interface InputCounts {
  /** Records read, whatever their key. */
  records: number;
  /** Records at a position the input had shown already: dropped. */
  repeated: number;
}

/** Puts the records of one input into its queue: what the processor asked for, watermarks, and what nobody can read. */
export class InputDecoder {
  readonly counts: InputCounts = { records: 0, repeated: 0 };
  readonly #spec: InputSpec;
  readonly #codecs: InputCodecs;
  readonly #queue: InputQueue;
  readonly #wanted: readonly Buffer[];
  readonly #known: readonly Buffer[];
  /** Its tombstone follows. */
  #lastDeletion: ViewEntry | null = null;

  constructor(spec: InputSpec, codecs: InputCodecs, queue: InputQueue) {
    this.#spec = spec;
    this.#codecs = codecs;
    this.#queue = queue;
    const names =
      spec.from === 'cdc'
        ? capturedTables.filter(({ topic }) => topic === spec.topic).map(({ table }) => table)
        : [...viewKinds];
    const wanted: readonly string[] = spec.from === 'cdc' ? spec.tables : spec.kinds;
    const mark = spec.from === 'cdc' ? '/' : ':';
    this.#wanted = wanted.map((name) => Buffer.from(name + mark));
    this.#known = names.filter((name) => !wanted.includes(name)).map((name) => Buffer.from(name + mark));
  }

  /** Schemas that are not known yet are fetched, hence the promise. */
  async feed(batch: FetchedBatch): Promise<void> {
    for (const record of batch.records) {
      this.counts.records++;
      const waits = this.#take(record);
      if (waits !== null) await waits;
    }
    this.#queue.readTo(batch.nextOffset);
  }

  #take(record: RecordView): Promise<void> | null {
    const { key, value, offset } = record;
    if (isOwnKey(key)) {
      if (isWatermarkKey(key) && value !== null) this.#watermark(record, value);
      return null;
    }
    if (key === null || !startsWithOneOf(key, this.#wanted)) {
      if (key === null || !startsWithOneOf(key, this.#known)) {
        this.#poison(record, new Error('the key is not that of any record of this topic'));
      }
      return null;
    }
    if (value === null) {
      this.#tombstone(record);
      return null;
    }
    try {
      this.#decode(key, value, offset);
      return null;
    } catch (error) {
      return isKind(error, 'schema-unknown') ? this.#prepared(record, key, value) : this.#unreadable(record, error);
    }
  }

  /** Where compaction took the delete and left its tombstone, that is the delete. */
  #tombstone(record: RecordView): void {
    const { key, value, offset } = record;
    const origin = new Origin(key, value);
    if (this.#spec.from === 'cdc') {
      const change = deleteOfTombstone(record);
      if (change === null) return;
      this.#queue.push({ kind: 'change', lsn: change.lsn, tsUs: change.tsUs, offset, change, origin });
      return;
    }
    const entry = deletionOfTombstone(record);
    const last = this.#lastDeletion;
    if (entry === null || (last?.id === entry.id && last.kind === entry.kind && last.lsn === entry.lsn)) return;
    this.#queue.push({ kind: 'entry', lsn: entry.lsn, tsUs: entry.tsUs, offset, entry, origin });
  }

  async #prepared(record: RecordView, key: Buffer, value: Buffer): Promise<void> {
    try {
      if (this.#spec.from === 'cdc') await this.#codecs.changes.prepare(value);
      else await this.#codecs.views.get(this.#spec.topic)?.prepare(value);
      this.#decode(key, value, record.offset);
    } catch (error) {
      // A registry that does not answer is no fault of the record's: halt, and find it well at the next start.
      if (isKind(error, 'engine-unreachable')) throw error;
      this.#unreadable(record, error);
    }
  }

  #decode(key: Buffer, value: Buffer, offset: bigint): void {
    const origin = new Origin(key, value);
    if (this.#spec.from === 'cdc') {
      const change = this.#codecs.changes.decode(value);
      this.#push({ kind: 'change', lsn: change.lsn, tsUs: change.tsUs, offset, change, origin });
      return;
    }
    const entry = this.#codecs.views.get(this.#spec.topic)?.decode(key, value) ?? null;
    if (entry === null) return;
    if (entry.data === null) this.#lastDeletion = entry;
    this.#push({ kind: 'entry', lsn: entry.lsn, tsUs: entry.tsUs, offset, entry, origin });
  }

  #watermark(record: RecordView, value: Buffer): void {
    try {
      const { lsn, tsUs } = readWatermark(value);
      this.#queue.push({ kind: 'watermark', lsn, tsUs, offset: record.offset });
    } catch (error) {
      this.#unreadable(record, error);
    }
  }

  #unreadable(record: RecordView, error: unknown): null {
    this.#poison(record, asPlatformError(error, 'record-malformed'));
    return null;
  }

  #poison({ key, value, offset }: RecordView, error: Error): void {
    const origin = new Origin(key, value);
    this.#queue.push({ kind: 'poison', lsn: this.#queue.shown, tsUs: 0, offset, error, origin });
  }

  #push(element: Parameters<InputQueue['push']>[0]): void {
    if (!this.#queue.push(element)) this.counts.repeated++;
  }
}
