import { PlatformError } from '@millrace/kernel/errors';
import type { AvroWriter } from '../avro/index.ts';
import type { ColumnKind } from './relation.ts';
import { longOfTimestamp } from './timestamp-long.ts';

const HIGH = 4_294_967_296;
const INT64_MAX = (1n << 63n) - 1n;
const INT64_MIN = -(1n << 63n);
/** Between Postgres' clock (µs since 2000) and ours (µs since 1970). */
const POSTGRES_EPOCH_US = 946_684_800_000_000;

/** A value in the binary form of its type, as Avro holds its kind: the bytes that its text would become. */
export function writeBinary(
  writer: AvroWriter,
  kind: Exclude<ColumnKind, 'string' | 'real'>,
  source: Buffer,
  start: number,
  end: number,
): void {
  switch (kind) {
    case 'boolean':
      writer.byte(source[start] === 0 ? 0 : 1);
      return;
    case 'int':
      writer.long(readInteger(source, start, end));
      return;
    case 'long':
      writeInt64(writer, source, start);
      return;
    case 'double': {
      const value = source.readDoubleBE(start);
      // One NaN, whatever the bits that say so.
      writer.double(Number.isNaN(value) ? Number.NaN : value);
      return;
    }
    case 'timestamp':
      writeTimestamp(writer, source, start);
      return;
  }
}

function readInteger(source: Buffer, start: number, end: number): number {
  if (end - start === 4) return source.readInt32BE(start);
  if (end - start === 2) return source.readInt16BE(start);
  throw new PlatformError('replication-protocol', `an integer in binary format has ${end - start} bytes`);
}

function writeInt64(writer: AvroWriter, source: Buffer, start: number): void {
  const value = source.readInt32BE(start) * HIGH + source.readUInt32BE(start + 4);
  if (Number.isSafeInteger(value)) writer.long(value);
  else writer.bigint(source.readBigInt64BE(start));
}

function writeTimestamp(writer: AvroWriter, source: Buffer, start: number): void {
  const since2000 = source.readInt32BE(start) * HIGH + source.readUInt32BE(start + 4);
  const us = since2000 + POSTGRES_EPOCH_US;
  if (Number.isSafeInteger(since2000) && Number.isSafeInteger(us)) {
    writer.long(us);
    return;
  }
  const exact = source.readBigInt64BE(start);
  const long = longOfTimestamp(
    exact === INT64_MAX ? Infinity : exact === INT64_MIN ? -Infinity : exact + BigInt(POSTGRES_EPOCH_US),
  );
  if (typeof long === 'bigint') writer.bigint(long);
  else writer.long(long);
}
