const SLAB_BYTES = 65_536;
/** Up to here a copy in a loop is faster than a call. */
const LOOP_BYTES = 64;

export interface AvroWriterOptions {
  /**
   * Hand out parts of larger buffers instead of copies: faster, but a part that is kept keeps 64 KiB. For records that are gone soon, all of
   * them together.
   */
  readonly slabs?: boolean;
}

/** Appends Avro primitives to one growing buffer. `finish` hands out what was appended, the caller's from then on, and starts over. */
export class AvroWriter {
  readonly #slabs: boolean;
  #buffer: Buffer;
  /** Where what is being written begins; 0 without slabs. */
  #start = 0;
  #at = 0;

  constructor(initialBytes = 4096, { slabs = false }: AvroWriterOptions = {}) {
    this.#slabs = slabs;
    this.#buffer = slabs ? Buffer.allocUnsafeSlow(SLAB_BYTES) : Buffer.allocUnsafe(initialBytes);
  }

  get length(): number {
    return this.#at - this.#start;
  }

  reset(): void {
    this.#at = this.#start;
  }

  finish(): Buffer {
    const part = this.#buffer.subarray(this.#start, this.#at);
    if (this.#slabs) this.#start = this.#at;
    else this.#at = 0;
    return this.#slabs ? part : Buffer.from(part);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const length = this.#at - this.#start;
    const grown = this.#slabs
      ? Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, (length + bytes) * 2))
      : Buffer.allocUnsafe(Math.max(length + bytes, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, this.#start, this.#at);
    this.#buffer = grown;
    this.#start = 0;
    this.#at = length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#at++] = value;
  }

  uint32BE(value: number): void {
    this.#reserve(4);
    this.#at = this.#buffer.writeUInt32BE(value, this.#at);
  }

  boolean(value: boolean): void {
    this.byte(value ? 1 : 0);
  }

  /** Zigzag varint of a safe integer. */
  long(value: number): void {
    this.#reserve(10);
    const buffer = this.#buffer;
    if (value >= -0x40000000 && value <= 0x3fffffff) {
      let small = ((value << 1) ^ (value >> 31)) >>> 0;
      while (small > 0x7f) {
        buffer[this.#at++] = (small & 0x7f) | 0x80;
        small >>>= 7;
      }
      buffer[this.#at++] = small;
      return;
    }
    const magnitude = value < 0 ? -value * 2 - 1 : value * 2;
    if (magnitude > Number.MAX_SAFE_INTEGER) this.#wide(BigInt(value));
    else this.#halves(magnitude % 0x1_0000_0000, Math.floor(magnitude / 0x1_0000_0000));
  }

  /** Zigzag varint of a signed 64-bit integer. */
  bigint(value: bigint): void {
    this.#reserve(10);
    const near = Number(value);
    // Exact up to here, and arithmetic of numbers is ten times that of bigints.
    if (near > -(2 ** 52) && near < 2 ** 52) this.long(near);
    else this.#wide(value);
  }

  #wide(value: bigint): void {
    const zigzag = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    this.#halves(Number(zigzag & 0xffff_ffffn), Number(zigzag >> 32n));
  }

  /** Varint of an unsigned 64-bit integer, carried through its two 32-bit halves. */
  #halves(low: number, high: number): void {
    const buffer = this.#buffer;
    while (high !== 0 || low > 0x7f) {
      buffer[this.#at++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    buffer[this.#at++] = low;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#at = this.#buffer.writeDoubleLE(value, this.#at);
  }

  string(value: string): void {
    if (value.length < LOOP_BYTES) {
      this.#reserve(1 + value.length);
      const start = this.#at;
      // Up to 63 bytes the length takes one.
      this.#buffer[start] = value.length << 1;
      this.#at = start + 1;
      if (this.#ascii(value)) return;
      this.#at = start;
    }
    const bytes = Buffer.byteLength(value, 'utf8');
    this.long(bytes);
    this.#reserve(bytes);
    this.#at += this.#buffer.write(value, this.#at, bytes, 'utf8');
  }

  /** UTF-8 alone, without its length. */
  text(value: string): void {
    if (value.length < LOOP_BYTES) {
      this.#reserve(value.length);
      if (this.#ascii(value)) return;
    }
    const bytes = Buffer.byteLength(value, 'utf8');
    this.#reserve(bytes);
    this.#at += this.#buffer.write(value, this.#at, bytes, 'utf8');
  }

  /** There is room for it. False, and nothing is appended, where it has other characters too. */
  #ascii(value: string): boolean {
    const buffer = this.#buffer;
    const { length } = value;
    let at = this.#at;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return false;
      buffer[at++] = code;
    }
    this.#at = at;
    return true;
  }

  /** Avro string or bytes from bytes that already are UTF-8. */
  bytes(value: Uint8Array): void {
    this.long(value.length);
    this.raw(value);
  }

  /** Avro string or bytes from a part of a buffer; short ones are copied in a loop, which is faster than a call. */
  bytesOf(source: Buffer, start: number, end: number): void {
    const length = end - start;
    this.long(length);
    this.#reserve(length);
    if (length < LOOP_BYTES) {
      const buffer = this.#buffer;
      let at = this.#at;
      for (let i = start; i < end; i++) buffer[at++] = source[i] ?? 0;
      this.#at = at;
    } else {
      source.copy(this.#buffer, this.#at, start, end);
      this.#at += length;
    }
  }

  raw(value: Uint8Array): void {
    const { length } = value;
    this.#reserve(length);
    if (length < LOOP_BYTES) {
      const buffer = this.#buffer;
      let at = this.#at;
      for (let i = 0; i < length; i++) buffer[at++] = value[i] ?? 0;
      this.#at = at;
    } else {
      this.#buffer.set(value, this.#at);
      this.#at += length;
    }
  }
}
