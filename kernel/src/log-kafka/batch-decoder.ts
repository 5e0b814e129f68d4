import { gunzipSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import { PlatformError } from '../errors/index.ts';
import type { RecordView } from '../log/index.ts';
import { batchHeadBytes } from './batch-encoder.ts';

const controlBit = 0x20;
const logAppendTimeBit = 0x08;
const codecMask = 0x07;
const codecNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** Where the whole batches of a fetched record set lie. */
export interface BatchScan {
  /** Start of each data batch that has a record at or after the asked offset. */
  readonly starts: readonly number[];
  /** First offset after the last whole batch, at least the asked one. */
  readonly nextOffset: bigint;
  /** Bytes of the whole batches. */
  readonly byteLength: number;
}

/**
 * Finds the whole batches, checks each one's CRC-32C, and leaves out control batches and what lies wholly below `fromOffset`. The last batch
 * of an answer may be cut: it is left for the next fetch. Throws `internal` for a damaged or pre-2017 batch.
 */
export function scanBatches(buffer: Buffer, fromOffset: bigint): BatchScan {
  const starts: number[] = [];
  let nextOffset = fromOffset;
  let at = 0;
  while (at + batchHeadBytes <= buffer.length) {
    const end = at + 12 + buffer.readInt32BE(at + 8);
    if (end > buffer.length) break;
    if (buffer[at + 16] !== 2) {
      throw new PlatformError(
        'internal',
        `The log holds records of format ${buffer[at + 16] ?? -1}; only format 2 is known.`,
      );
    }
    if (crc32c(buffer.subarray(at + 21, end)) !== buffer.readUInt32BE(at + 17)) {
      throw new PlatformError(
        'internal',
        `The batch at offset ${buffer.readBigInt64BE(at).toString()} is damaged (CRC).`,
      );
    }
    const next = buffer.readBigInt64BE(at) + BigInt(buffer.readInt32BE(at + 23)) + 1n;
    if (next > fromOffset) {
      nextOffset = next;
      if ((buffer.readInt16BE(at + 21) & controlBit) === 0) starts.push(at);
    }
    at = end;
  }
  return { starts, nextOffset, byteLength: at };
}

/** Where it lies in the batch; a number, a time or bytes are made of that when they are asked for, since many records are skipped by their key. */
class DecodedRecord implements RecordView {
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly #body: Buffer;
  readonly #baseOffset: bigint;
  readonly #offsetDelta: number;
  readonly #valueAt: number;
  #value: Buffer | null | undefined;

  constructor(
    baseOffset: bigint,
    offsetDelta: number,
    timestampMs: number,
    key: Buffer | null,
    body: Buffer,
    valueAt: number,
  ) {
    this.#baseOffset = baseOffset;
    this.#offsetDelta = offsetDelta;
    this.timestampMs = timestampMs;
    this.key = key;
    this.#body = body;
    this.#valueAt = valueAt;
  }

  get offset(): bigint {
    return this.#baseOffset + BigInt(this.#offsetDelta);
  }

  get value(): Buffer | null {
    if (this.#value === undefined) this.#value = new VarintCursor(this.#body, this.#valueAt).bytes();
    return this.#value;
  }

  get headers(): readonly (readonly [string, Buffer])[] {
    const cursor = new VarintCursor(this.#body, this.#valueAt);
    cursor.skipBytes();
    return Array.from({ length: cursor.int() }, () => {
      const name = (cursor.bytes() ?? noBytes).toString();
      return [name, cursor.bytes() ?? noBytes] as const;
    });
  }
}

const noBytes = Buffer.alloc(0);

/** Zigzag varints and what they measure. */
class VarintCursor {
  readonly buffer: Buffer;
  at: number;

  constructor(buffer: Buffer, at: number) {
    this.buffer = buffer;
    this.at = at;
  }

  int(): number {
    const { buffer } = this;
    let byte = buffer[this.at++] as number;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let raw = byte & 0x7f;
    let shift = 7;
    do {
      byte = buffer[this.at++] as number;
      raw |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** A varint of up to 64 bits as a number: exact up to 2⁵³, enough for a difference of times. */
  long(): number {
    let byte = this.buffer[this.at++] as number;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let raw = BigInt(byte & 0x7f);
    let shift = 7n;
    do {
      byte = this.buffer[this.at++] as number;
      raw |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
    } while (byte >= 0x80);
    return Number((raw >> 1n) ^ -(raw & 1n));
  }

  bytes(): Buffer | null {
    const length = this.int();
    if (length < 0) return null;
    const start = this.at;
    this.at = start + length;
    return this.buffer.subarray(start, this.at);
  }

  skipBytes(): void {
    const length = this.int();
    if (length > 0) this.at += length;
  }
}

/** The records of some batches at or after an offset: parsed while iterated, as views. May be iterated more than once. */
export class BatchRecords implements Iterable<RecordView> {
  readonly #buffer: Buffer;
  readonly #starts: readonly number[];
  readonly #fromOffset: bigint;

  constructor(buffer: Buffer, starts: readonly number[], fromOffset: bigint) {
    this.#buffer = buffer;
    this.#starts = starts;
    this.#fromOffset = fromOffset;
  }

  *[Symbol.iterator](): Generator<RecordView> {
    for (const start of this.#starts) {
      const baseOffset = this.#buffer.readBigInt64BE(start);
      const attributes = this.#buffer.readInt16BE(start + 21);
      const useMaxTimestamp = (attributes & logAppendTimeBit) !== 0;
      const baseTimestamp = Number(this.#buffer.readBigInt64BE(start + (useMaxTimestamp ? 35 : 27)));
      const skipBelow = this.#fromOffset - baseOffset;
      const fromDelta = skipBelow > 0n ? Number(skipBelow) : 0;
      const cursor = this.#open(start, attributes & codecMask);
      for (let left = this.#buffer.readInt32BE(start + 57); left > 0; left--) {
        const length = cursor.int();
        const end = cursor.at + length;
        cursor.at++;
        const timestampDelta = cursor.long();
        const offsetDelta = cursor.int();
        if (offsetDelta >= fromDelta) {
          const key = cursor.bytes();
          const timestampMs = useMaxTimestamp ? baseTimestamp : baseTimestamp + timestampDelta;
          yield new DecodedRecord(baseOffset, offsetDelta, timestampMs, key, cursor.buffer, cursor.at);
        }
        cursor.at = end;
      }
    }
  }

  #open(start: number, codec: number): VarintCursor {
    if (codec === 0) return new VarintCursor(this.#buffer, start + batchHeadBytes);
    const end = start + 12 + this.#buffer.readInt32BE(start + 8);
    if (codec === 1) return new VarintCursor(gunzipSync(this.#buffer.subarray(start + batchHeadBytes, end)), 0);
    throw new PlatformError(
      'internal',
      `A batch is compressed with ${codecNames[codec] ?? `codec ${codec}`}: set compression.type of the topic to gzip or uncompressed.`,
    );
  }
}
