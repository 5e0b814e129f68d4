import { PlatformError } from '@millrace/kernel/errors';

/** Longer texts are mostly ids, which rarely come again soon. */
const SHORT_BYTES = 24;
/** A power of two. */
const SHORT_TEXTS = 4096;

/** Reads Avro primitives from one buffer. Throws `record-malformed` past its end. Reusable: `open` points it at another buffer. */
export class AvroReader {
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  readonly #shortTexts: (string | undefined)[] = new Array<string | undefined>(SHORT_TEXTS);

  open(buffer: Buffer, at = 0): this {
    this.#buffer = buffer;
    this.#at = at;
    return this;
  }

  get position(): number {
    return this.#at;
  }

  byte(): number {
    const value = this.#buffer[this.#at++];
    if (value === undefined) throw endsTooEarly();
    return value;
  }

  boolean(): boolean {
    return this.byte() === 1;
  }

  /** A long as a number; exact up to 2^53, rounded beyond (timestamps at ±infinity). */
  long(): number {
    const start = this.#at;
    const near = this.#near();
    if (near !== null) return near;
    this.#at = start;
    return Number(this.#wide());
  }

  /** A long: a number where that is exact, else a bigint. */
  exactLong(): number | bigint {
    const start = this.#at;
    const value = this.long();
    if (Number.isSafeInteger(value)) return value;
    this.#at = start;
    const exact = this.bigint();
    return BigInt(value) === exact ? value : exact;
  }

  /** A long, exact. */
  bigint(): bigint {
    const start = this.#at;
    const near = this.#near();
    if (near !== null) return BigInt(near);
    this.#at = start;
    return this.#wide();
  }

  /** A long that a number holds exactly; null for others, and then the place is of no use. Past the end is noticed once, behind it. */
  #near(): number | null {
    const buffer = this.#buffer;
    let at = this.#at;
    let byte = buffer[at++] ?? 0;
    let low = byte & 0x7f;
    for (let shift = 7; byte > 0x7f && shift < 28; shift += 7) {
      byte = buffer[at++] ?? 0;
      low |= (byte & 0x7f) << shift;
    }
    let high = 0;
    for (let shift = 0; byte > 0x7f && shift < 28; shift += 7) {
      byte = buffer[at++] ?? 0;
      high |= (byte & 0x7f) << shift;
    }
    if (at > buffer.length) throw endsTooEarly();
    this.#at = at;
    if (high === 0 && byte <= 0x7f) return (low >>> 1) ^ -(low & 1);
    if (byte > 0x7f || high >= 0x200_0000) return null;
    const zigzag = high * 0x1000_0000 + low;
    return (low & 1) === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  /** Any long, carried through two 32-bit halves. */
  #wide(): bigint {
    let low = 0;
    let high = 0;
    let shift = 0;
    for (;;) {
      const byte = this.byte();
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte <= 0x7f) break;
      shift += 7;
      if (shift > 63) throw new PlatformError('record-malformed', 'Avro long has more than 10 bytes');
    }
    const zigzag = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    return (zigzag >> 1n) ^ -(zigzag & 1n);
  }

  double(): number {
    const at = this.#at;
    this.#need(8);
    return this.#buffer.readDoubleLE(at);
  }

  string(): string {
    const length = this.long();
    const at = this.#at;
    this.#need(length);
    return length <= SHORT_BYTES ? this.#shortText(at, at + length) : textOf(this.#buffer, at, at + length);
  }

  /** Short texts come again and again: kinds, states, names of tables. The same bytes give the same text, without making it anew. */
  #shortText(start: number, end: number): string {
    const buffer = this.#buffer;
    let hash = end - start;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (buffer[at] ?? 0)) | 0;
    const place = (hash ^ (hash >>> 15)) & (SHORT_TEXTS - 1);
    const known = this.#shortTexts[place];
    if (known !== undefined && isText(known, buffer, start, end)) return known;
    const text = textOf(buffer, start, end);
    this.#shortTexts[place] = text;
    return text;
  }

  bytes(): Buffer {
    const length = this.long();
    const at = this.#at;
    this.#need(length);
    return this.#buffer.subarray(at, at + length);
  }

  skipBytes(): void {
    const length = this.long();
    this.#need(length);
  }

  skip(bytes: number): void {
    this.#need(bytes);
  }

  #need(bytes: number): void {
    if (bytes < 0 || this.#at + bytes > this.#buffer.length) {
      throw endsTooEarly();
    }
    this.#at += bytes;
  }
}

function endsTooEarly(): PlatformError {
  return new PlatformError('record-malformed', 'Avro body ends too early');
}

/** Only of ASCII is it said: there a character is a byte. */
function isText(text: string, buffer: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let at = start; at < end; at++) {
    const byte = buffer[at] ?? 0;
    if (byte > 0x7f || byte !== text.charCodeAt(at - start)) return false;
  }
  return true;
}

/** Node's own way, of which `toString` is the long one. */
interface Slices {
  utf8Slice?(start: number, end: number): string;
}

function textOf(buffer: Buffer & Slices, start: number, end: number): string {
  return buffer.utf8Slice?.(start, end) ?? buffer.toString('utf8', start, end);
}
