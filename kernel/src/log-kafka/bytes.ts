/** Kafka's primitive types: big-endian integers, length-prefixed strings, zigzag varints. */

/** Reads primitives one after another. Reading past the end throws a RangeError: the answer was cut or is not what we think it is. */
export class ByteReader {
  readonly buffer: Buffer;
  at: number;

  constructor(buffer: Buffer, at = 0) {
    this.buffer = buffer;
    this.at = at;
  }

  int8(): number {
    return this.buffer.readInt8(this.#advance(1));
  }

  int16(): number {
    return this.buffer.readInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.buffer.readInt32BE(this.#advance(4));
  }

  int64(): bigint {
    return this.buffer.readBigInt64BE(this.#advance(8));
  }

  /** A nullable string; null reads as ''. */
  string(): string {
    const length = this.int16();
    if (length < 0) return '';
    const start = this.#advance(length);
    return this.buffer.toString('utf8', start, start + length);
  }

  /** Nullable bytes, as a view; null reads as empty. */
  bytes(): Buffer {
    const length = this.int32();
    if (length <= 0) return empty;
    const start = this.#advance(length);
    if (start + length > this.buffer.length) throw new RangeError('The bytes end after the answer does.');
    return this.buffer.subarray(start, start + length);
  }

  /** A nullable array: the count, then what `item` reads. */
  array<T>(item: () => T): T[] {
    const count = this.int32();
    const items: T[] = [];
    for (let index = 0; index < count; index++) items.push(item());
    return items;
  }

  #advance(length: number): number {
    const start = this.at;
    this.at += length;
    return start;
  }
}

const empty = Buffer.alloc(0);

/** Writes primitives into a growing buffer: for request heads, not for records. */
export class ByteWriter {
  #buffer: Buffer;
  #at = 0;

  constructor(size = 256) {
    this.#buffer = Buffer.allocUnsafe(size);
  }

  int8(value: number): this {
    const start = this.#room(1);
    this.#buffer.writeInt8(value, start);
    return this;
  }

  int16(value: number): this {
    const start = this.#room(2);
    this.#buffer.writeInt16BE(value, start);
    return this;
  }

  int32(value: number): this {
    const start = this.#room(4);
    this.#buffer.writeInt32BE(value, start);
    return this;
  }

  int64(value: bigint): this {
    const start = this.#room(8);
    this.#buffer.writeBigInt64BE(value, start);
    return this;
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1);
    const length = Buffer.byteLength(value);
    this.int16(length);
    const start = this.#room(length);
    this.#buffer.write(value, start, 'utf8');
    return this;
  }

  array<T>(items: readonly T[], write: (item: T) => void): this {
    this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }

  /** What was written since the last `take`; the writer goes on after it. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#at);
    this.#buffer = this.#buffer.subarray(this.#at);
    this.#at = 0;
    return taken;
  }

  /** Call it before taking hold of the buffer: it may replace it. */
  #room(length: number): number {
    const start = this.#at;
    if (start + length > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(256, (start + length) * 2));
      this.#buffer.copy(grown, 0, 0, start);
      this.#buffer = grown;
    }
    this.#at = start + length;
    return start;
  }
}

/** Bytes a zigzag varint of a number ≥ 0 takes. */
export function varintSize(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x2000) return 2;
  if (value < 0x100000) return 3;
  if (value < 0x8000000) return 4;
  return 5;
}

/** Writes a number ≥ 0 as zigzag varint; returns the place after it. */
export function writeVarint(buffer: Buffer, at: number, value: number): number {
  let rest = value * 2;
  while (rest > 0x7f) {
    buffer[at++] = (rest & 0x7f) | 0x80;
    rest = (rest >>> 7) & 0x1ffffff;
  }
  buffer[at++] = rest;
  return at;
}
