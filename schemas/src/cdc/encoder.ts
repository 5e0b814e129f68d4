import { PlatformError } from '@millrace/kernel/errors';
import type { Lsn } from '@millrace/kernel/position';
import { AvroWriter } from '../avro/index.ts';
import type { Change, ChangeOp, ColumnValue, Row } from './change.ts';
import { UNCHANGED } from './change.ts';
import { columnKind, mayBeUnchanged } from './relation.ts';
import type { ColumnKind, Relation } from './relation.ts';
import { writeBinary } from './binary-values.ts';
import { AS_BINARY } from './text-row.ts';
import type { TextRow } from './text-row.ts';
import { parseInteger, parseTimestamp } from './text-values.ts';
import { longOfTimestamp } from './timestamp-long.ts';

/** What all rows of a transaction share. */
export interface CommitStamp {
  readonly lsn: Lsn;
  readonly txid: number;
  readonly tsUs: number;
}

/**
 * Writes one relation's change records: columns as they came, text or binary, straight into framed Avro, no row object between; the bytes are the
 * same for both. Compile one per relation and keep it;
 * it is not re-entrant. The answered buffer is the caller's.
 */
export interface ChangeEncoder {
  readonly schemaId: number;
  /** Throws `replication-protocol` where the row has not the relation's columns. */
  encode(op: ChangeOp, commit: CommitStamp, ordinal: number, before: TextRow | null, after: TextRow | null): Buffer;
}

/** Branches of a column's union, zigzag: null, the value, Unchanged. */
const NULL_BRANCH = 0;
const VALUE_BRANCH = 2;
const UNCHANGED_BRANCH = 4;

export function createChangeEncoder(relation: Relation, schemaId: number): ChangeEncoder {
  const kinds = relation.columns.map(({ typeOid }) => columnKind(typeOid));
  const toastable = relation.columns.map(({ typeOid }) => mayBeUnchanged(typeOid));
  // The capture's records are gone as soon as the log has them.
  const envelope = new EnvelopeWriter(relation, schemaId, true);
  const { writer } = envelope;

  const writeRow = (row: TextRow | null): void => {
    if (row === null) {
      writer.byte(NULL_BRANCH);
      return;
    }
    if (row.count !== kinds.length) throw shapeError(relation, row.count);
    writer.byte(VALUE_BRANCH);
    for (let i = 0; i < kinds.length; i++) {
      const start = row.starts[i] ?? -1;
      if (start >= 0) writeColumn(writer, kinds[i] ?? 'string', row, i);
      else if (row.isUnchanged(i)) {
        if (toastable[i] !== true) throw shapeError(relation, row.count);
        writer.byte(UNCHANGED_BRANCH);
      } else writer.byte(NULL_BRANCH);
    }
  };
  return {
    schemaId,
    encode(op, commit, ordinal, before, after) {
      envelope.begin(op, commit, ordinal);
      writeRow(before);
      writeRow(after);
      return writer.finish();
    },
  };
}

/** A change without what its relation says. */
export type ChangeContent = Pick<Change, 'lsn' | 'ordinal' | 'op' | 'txid' | 'tsUs' | 'before' | 'after'>;

/** A record from a change with row objects, for tests and tools; columns a row leaves out are null. */
export function encodeChange(relation: Relation, schemaId: number, change: ChangeContent): Buffer {
  const envelope = new EnvelopeWriter(relation, schemaId);
  const { writer } = envelope;
  const writeRow = (row: Row | null): void => {
    writer.byte(row === null ? NULL_BRANCH : VALUE_BRANCH);
    if (row === null) return;
    for (const { name, typeOid } of relation.columns) {
      const value = row[name] ?? null;
      if (value === UNCHANGED && !mayBeUnchanged(typeOid)) throw shapeError(relation, relation.columns.length);
      writeValue(writer, columnKind(typeOid), value);
    }
  };
  envelope.begin(change.op, change, change.ordinal);
  writeRow(change.before);
  writeRow(change.after);
  return writer.finish();
}

/** The envelope up to its rows. What repeats (schema, table; a transaction's position) is encoded once and copied. */
class EnvelopeWriter {
  readonly writer: AvroWriter;
  readonly #schemaId: number;
  readonly #sourceOfRow: Buffer;
  readonly #sourceOfSnapshot: Buffer;
  readonly #scratch = new AvroWriter(32);
  #commit: CommitStamp | null = null;
  #lsn: Buffer = Buffer.alloc(0);
  #txidAndTime: Buffer = Buffer.alloc(0);

  constructor(relation: Relation, schemaId: number, slabs = false) {
    this.writer = new AvroWriter(4096, { slabs });
    this.#schemaId = schemaId;
    this.#sourceOfRow = this.#sourceNames(relation, 'false');
    this.#sourceOfSnapshot = this.#sourceNames(relation, 'true');
  }

  begin(op: ChangeOp, commit: CommitStamp, ordinal: number): void {
    if (commit !== this.#commit) this.#remember(commit);
    const { writer } = this;
    writer.reset();
    writer.byte(0);
    writer.uint32BE(this.#schemaId);
    writer.byte(2);
    writer.byte(op.charCodeAt(0));
    writer.raw(this.#lsn);
    writer.long(ordinal);
    writer.raw(this.#txidAndTime);
    writer.raw(op === 'r' ? this.#sourceOfSnapshot : this.#sourceOfRow);
  }

  #remember(commit: CommitStamp): void {
    this.#commit = commit;
    this.#scratch.bigint(commit.lsn);
    this.#lsn = this.#scratch.finish();
    this.#scratch.long(commit.txid);
    this.#scratch.long(commit.tsUs);
    this.#txidAndTime = this.#scratch.finish();
  }

  #sourceNames(relation: Relation, snapshot: 'true' | 'false'): Buffer {
    this.#scratch.string(relation.schema);
    this.#scratch.string(relation.table);
    this.#scratch.string(snapshot);
    return this.#scratch.finish();
  }
}

function writeColumn(writer: AvroWriter, kind: ColumnKind, row: TextRow, i: number): void {
  if (row.forms[i] === AS_BINARY && kind !== 'string' && kind !== 'real') {
    writer.byte(VALUE_BRANCH);
    writeBinary(writer, kind, row.buffer, row.starts[i] ?? 0, row.ends[i] ?? 0);
  } else {
    const source = row.source(i);
    writeText(writer, kind, source, row.starts[i] ?? 0, row.ends[i] ?? 0);
  }
}

function writeText(writer: AvroWriter, kind: ColumnKind, buffer: Buffer, start: number, end: number): void {
  writer.byte(VALUE_BRANCH);
  switch (kind) {
    case 'string':
      writer.bytesOf(buffer, start, end);
      return;
    case 'boolean':
      writer.byte(buffer[start] === 0x74 ? 1 : 0);
      return;
    case 'int':
      writer.long(parseInteger(buffer, start, end));
      return;
    case 'long':
      if (end - start <= 15) writer.long(parseInteger(buffer, start, end));
      else writer.bigint(BigInt(buffer.toString('latin1', start, end)));
      return;
    case 'real':
    case 'double':
      writer.double(Number(buffer.toString('latin1', start, end)));
      return;
    case 'timestamp':
      writeLong(writer, parseTimestamp(buffer, start, end));
      return;
  }
}

function writeValue(writer: AvroWriter, kind: ColumnKind, value: ColumnValue): void {
  if (value === null) {
    writer.byte(NULL_BRANCH);
    return;
  }
  if (value === UNCHANGED) {
    writer.byte(UNCHANGED_BRANCH);
    return;
  }
  writer.byte(VALUE_BRANCH);
  switch (kind) {
    case 'string':
      writer.string(String(value));
      return;
    case 'boolean':
      writer.boolean(value === true);
      return;
    case 'int':
    case 'long':
      writeLong(writer, typeof value === 'bigint' ? value : Number(value));
      return;
    case 'real':
    case 'double':
      writer.double(Number(value));
      return;
    case 'timestamp':
      writeLong(writer, longOfTimestamp(typeof value === 'bigint' ? value : Number(value)));
      return;
  }
}

function writeLong(writer: AvroWriter, value: number | bigint): void {
  if (typeof value === 'bigint') writer.bigint(value);
  else writer.long(value);
}

function shapeError(relation: Relation, columns: number): PlatformError {
  return new PlatformError(
    'replication-protocol',
    `a row of ${relation.schema}.${relation.table} with ${columns} columns does not fit the relation's ${relation.columns.length}`,
  );
}
