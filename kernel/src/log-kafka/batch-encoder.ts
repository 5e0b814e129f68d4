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

function headersSize(headers: LogRecord['headers']): number {
  if (headers === undefined) return 1;
  let size = varintSize(headers.length);
  for (const [name, value] of headers) {
    const nameLength = Buffer.byteLength(name);
    size += varintSize(nameLength) + nameLength + varintSize(value.byteLength) + value.byteLength;
  }
  return size;
}

const bytesSize = (bytes: Uint8Array | null): number =>
  bytes === null ? 1 : varintSize(bytes.byteLength) + bytes.byteLength;

/** A record after its length: attributes, timestamp delta 0, offset delta, key, value, headers. */
function bodySize(record: LogRecord, offsetDelta: number): number {
  return 2 + varintSize(offsetDelta) + bytesSize(record.key) + bytesSize(record.value) + headersSize(record.headers);
}

function writeBytes(buffer: Buffer, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) {
    buffer[at] = 1; // zigzag −1
    return at + 1;
  }
  const start = writeVarint(buffer, at, bytes.byteLength);
  buffer.set(bytes, start);
  return start + bytes.byteLength;
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

/**
 * One record batch (magic 2, no compression, one timestamp), exactly sized, in a buffer of its own: it is kept until answered, since a retry
 * must send the same bytes.
 */
export function encodeBatch(records: readonly LogRecord[], stamp: BatchStamp): Buffer {
  const count = records.length;
  const sizes = new Int32Array(count);
  let total = batchHeadBytes;
  for (let index = 0; index < count; index++) {
    const size = bodySize(records[index] as LogRecord, index);
    sizes[index] = size;
    total += varintSize(size) + size;
  }
  const buffer = total > 4096 ? Buffer.allocUnsafeSlow(total) : Buffer.allocUnsafe(total);
  let at = batchHeadBytes;
  for (let index = 0; index < count; index++) {
    const record = records[index] as LogRecord;
    at = writeVarint(buffer, at, sizes[index] as number);
    buffer[at++] = 0;
    buffer[at++] = 0;
    at = writeVarint(buffer, at, index);
    at = writeBytes(buffer, at, record.key);
    at = writeBytes(buffer, at, record.value);
    at = writeHeaders(buffer, at, record.headers);
  }
  writeHead(buffer, count, stamp);
  return buffer;
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
