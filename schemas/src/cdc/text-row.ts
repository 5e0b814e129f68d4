import { PlatformError } from '@millrace/kernel/errors';
import { TextSink } from '../wire/index.ts';
import type { BinaryCodec } from '../wire/index.ts';

const NULL = -1;
const UNCHANGED_COLUMN = -2;

/** How the bytes of a column that has a value are to be read: text in `buffer`; in binary form in `buffer`; text that was made of that, in `converted`. */
export const AS_TEXT = 0;
export const AS_BINARY = 1;
export const AS_CONVERTED = 2;

/** By column; undefined where a type's binary form is not proven. */
export type RowCodecs = readonly (BinaryCodec | undefined)[];

/**
 * One row as Postgres sends it: column `i` is the bytes `starts[i]` to `ends[i]` of `buffer`, text (UTF-8) unless `forms[i]` says otherwise, or null,
 * or left out as unchanged. Reused for row after row: nothing is allocated per row or per column.
 *
 * Whoever fills it with binary columns sets `codecs`; then `bytes` and `text` answer the text that Postgres prints all the same.
 */
export class TextRow {
  buffer: Buffer = Buffer.alloc(0);
  count = 0;
  starts = new Int32Array(32);
  ends = new Int32Array(32);
  forms = new Uint8Array(32);
  codecs: RowCodecs = [];
  /** Whether a column came in binary form. */
  hasBinary = false;
  readonly converted = new TextSink();

  /** Makes it an empty row over `buffer`. */
  reset(buffer: Buffer): this {
    this.buffer = buffer;
    this.count = 0;
    if (this.hasBinary) {
      this.hasBinary = false;
      this.converted.clear();
    }
    return this;
  }

  push(start: number, end: number, form = AS_TEXT): void {
    if (this.count === this.starts.length) this.#grow();
    this.starts[this.count] = start;
    this.forms[this.count] = form;
    this.ends[this.count++] = end;
  }

  /** In the form that the type's send function gives. */
  pushBinary(start: number, end: number): void {
    this.hasBinary = true;
    this.push(start, end, AS_BINARY);
  }

  pushNull(): void {
    this.push(NULL, NULL);
  }

  pushUnchanged(): void {
    this.push(UNCHANGED_COLUMN, UNCHANGED_COLUMN);
  }

  isNull(column: number): boolean {
    return this.starts[column] === NULL;
  }

  isUnchanged(column: number): boolean {
    return this.starts[column] === UNCHANGED_COLUMN;
  }

  /** The text's bytes, a view; null for null and for unchanged. */
  bytes(column: number): Buffer | null {
    if (!this.#hasValue(column)) return null;
    return this.source(column).subarray(this.starts[column], this.ends[column]);
  }

  text(column: number): string | null {
    if (!this.#hasValue(column)) return null;
    return this.source(column).toString('utf8', this.starts[column], this.ends[column]);
  }

  /** How long the text is, in bytes; 0 where there is none. */
  lengthOf(column: number): number {
    if (!this.#hasValue(column)) return 0;
    if (this.forms[column] === AS_BINARY) this.#convert(column);
    return (this.ends[column] ?? 0) - (this.starts[column] ?? 0);
  }

  /** For a column with a value: makes it text where it is not yet, and answers the buffer that `starts` and `ends` are of then. */
  source(column: number): Buffer {
    if (this.forms[column] === AS_BINARY) this.#convert(column);
    return this.forms[column] === AS_CONVERTED ? this.converted.buffer : this.buffer;
  }

  #hasValue(column: number): boolean {
    return column < this.count && (this.starts[column] ?? NULL) >= 0;
  }

  #convert(column: number): void {
    const codec = this.codecs[column];
    if (codec === undefined)
      throw new PlatformError('internal', `no codec for column ${column} of a row in binary form`);
    const start = this.starts[column] ?? 0;
    if (codec.kind === 'text') {
      this.starts[column] = start + codec.skip;
      this.forms[column] = AS_TEXT;
      return;
    }
    const at = this.converted.length;
    codec.write(this.buffer, start, this.ends[column] ?? start, this.converted);
    this.starts[column] = at;
    this.ends[column] = this.converted.length;
    this.forms[column] = AS_CONVERTED;
  }

  #grow(): void {
    const starts = new Int32Array(this.starts.length * 2);
    const ends = new Int32Array(this.ends.length * 2);
    const forms = new Uint8Array(this.forms.length * 2);
    starts.set(this.starts);
    ends.set(this.ends);
    forms.set(this.forms);
    this.starts = starts;
    this.ends = ends;
    this.forms = forms;
  }
}

/** A row from texts, for tests: `undefined` is unchanged. */
export function textRow(columns: readonly (string | null | undefined)[]): TextRow {
  const buffer = Buffer.from(columns.map((column) => column ?? '').join(''), 'utf8');
  const row = new TextRow().reset(buffer);
  let at = 0;
  for (const column of columns) {
    if (column === null) row.pushNull();
    else if (column === undefined) row.pushUnchanged();
    else {
      const end = at + Buffer.byteLength(column);
      row.push(at, end);
      at = end;
    }
  }
  return row;
}
