import { crc32c } from '@node-rs/crc32';
import type { LogRecord } from '../log/index.ts';
import { varintSize, writeVarint } from './bytes.ts';

export interface BatchStamp {
  readonly timestampMs: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Sequence of the first record, 0 … 2³¹−1. */
  readonly baseSequence: number;
}

export const batchHeadBytes = 61;
/** Up to here a copy in a loop is faster than a call. */
const LOOP_BYTES = 64;
/** The varints of a record and its attributes take at most this. */
const RECORD_HEAD_BYTES = 24;

function headersSize(headers: LogRecord['headers']): number {
  if (headers === undefined) return 1;
  let size = varintSize(headers.length);
  for (const [name, value] of headers) size += sizeOf(Buffer.byteLength(name)) + sizeOf(value.length);
  return size;
}

/** Of bytes with their length before them; −1 stands for null. */
const sizeOf = (length: number): number => (length < 0 ? 1 : varintSize(length) + length);

function writeBytes(buffer: Buffer, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) {
    buffer[at] = 1; // zigzag −1
    return at + 1;
  }
  const { length } = bytes;
  at = writeVarint(buffer, at, length);
  if (length < LOOP_BYTES) {
    for (let i = 0; i < length; i++) buffer[at + i] = bytes[i] as number;
  } else {
    buffer.set(bytes, at);
  }
  return at + length;
}

function writeHeaders(buffer: Buffer, at: number, headers: LogRecord['headers']): number {
  if (headers === undefined) {
    buffer[at] = 0;
    return at + 1;
  }
  at = writeVarint(buffer, at, headers.length);
  for (const [name, value] of headers) {
    at = writeBytes(buffer, at, Buffer.from(name));
    at = writeBytes(buffer, at, value);
  }
  return at;
}

/** No less than the batch takes. */
function roomFor(records: readonly LogRecord[]): number {
  let room = batchHeadBytes;
  for (const { key, value, headers } of records) {
    room += RECORD_HEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
    if (headers !== undefined) room += headersSize(headers);
  }
  return room;
}

/**
 * One record batch (magic 2, no compression, one timestamp), in a buffer of its own: it is kept until answered, since a retry must send the
 * same bytes.
 */
export function encodeBatch(records: readonly LogRecord[], stamp: BatchStamp): Buffer {
  const count = records.length;
  const room = roomFor(records);
  const buffer = room > 4096 ? Buffer.allocUnsafeSlow(room) : Buffer.allocUnsafe(room);
  let at = batchHeadBytes;
  for (let index = 0; index < count; index++) {
    const { key, value, headers } = records[index] as LogRecord;
    const keySize = sizeOf(key?.length ?? -1);
    // Attributes, timestamp delta 0, offset delta, key, value, headers.
    at = writeVarint(buffer, at, 2 + varintSize(index) + keySize + sizeOf(value?.length ?? -1) + headersSize(headers));
    buffer[at++] = 0;
    buffer[at++] = 0;
    at = writeVarint(buffer, at, index);
    at = writeBytes(buffer, at, key);
    at = writeBytes(buffer, at, value);
    at = writeHeaders(buffer, at, headers);
  }
  const batch = buffer.subarray(0, at);
  writeHead(batch, count, stamp);
  return batch;
}

function writeHead(buffer: Buffer, count: number, stamp: BatchStamp): void {
  const timestamp = BigInt(stamp.timestampMs);
  buffer.fill(0, 0, 8);
  buffer.writeInt32BE(buffer.length - 12, 8);
  buffer.writeInt32BE(-1, 12);
  buffer[16] = 2;
  buffer.writeInt16BE(0, 21);
  buffer.writeInt32BE(count - 1, 23);
  buffer.writeBigInt64BE(timestamp, 27);
  buffer.writeBigInt64BE(timestamp, 35);
  buffer.writeBigInt64BE(stamp.producerId, 43);
  buffer.writeInt16BE(stamp.producerEpoch, 51);
  buffer.writeInt32BE(stamp.baseSequence, 53);
  buffer.writeInt32BE(count, 57);
  buffer.writeUInt32BE(crc32c(buffer.subarray(21)), 17);
}
