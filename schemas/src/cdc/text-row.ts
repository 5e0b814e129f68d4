const NULL = -1;
const UNCHANGED_COLUMN = -2;

/**
 * One row as Postgres prints it: column `i` is the bytes `starts[i]` to `ends[i]` of `buffer` (UTF-8 text), or null, or left out as unchanged.
 * Reused for row after row: nothing is allocated per row or per column.
 */
export class TextRow {
  buffer: Buffer = Buffer.alloc(0);
  count = 0;
  starts = new Int32Array(32);
  ends = new Int32Array(32);

  /** Makes it an empty row over `buffer`. */
  reset(buffer: Buffer): this {
    this.buffer = buffer;
    this.count = 0;
    return this;
  }

  push(start: number, end: number): void {
    if (this.count === this.starts.length) this.#grow();
    this.starts[this.count] = start;
    this.ends[this.count++] = end;
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

  /** The column's bytes, a view; null for null and for unchanged. */
  bytes(column: number): Buffer | null {
    const start = this.starts[column] ?? NULL;
    return start < 0 || column >= this.count ? null : this.buffer.subarray(start, this.ends[column]);
  }

  text(column: number): string | null {
    const start = this.starts[column] ?? NULL;
    return start < 0 || column >= this.count ? null : this.buffer.toString('utf8', start, this.ends[column]);
  }

  #grow(): void {
    const starts = new Int32Array(this.starts.length * 2);
    const ends = new Int32Array(this.ends.length * 2);
    starts.set(this.starts);
    ends.set(this.ends);
    this.starts = starts;
    this.ends = ends;
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
