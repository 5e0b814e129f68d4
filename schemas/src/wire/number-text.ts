import { PlatformError } from '@millrace/kernel/errors';
import type { TextSink } from './text-sink.ts';

const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;

/** The most that a number of 32 bits takes. */
const INT_ROOM = 11;

export function writeInteger(value: number, sink: TextSink): void {
  sink.reserve(INT_ROOM);
  if (value < 0) sink.byte(MINUS);
  sink.digits(Math.abs(value), 1);
}

const NUMERIC_HEAD = 8;
const NEGATIVE = 0x4000;
const SPECIAL: Readonly<Record<number, string>> = { 0xc000: 'NaN', 0xd000: 'Infinity', 0xf000: '-Infinity' };

/** A numeric: how many digits to the base of 10,000, the first one's weight, sign, decimals to be shown, and the digits. */
export function writeNumeric(source: Buffer, start: number, end: number, sink: TextSink): void {
  const count = source.readUInt16BE(start);
  const weight = source.readInt16BE(start + 2);
  const sign = source.readUInt16BE(start + 4);
  const decimals = source.readUInt16BE(start + 6);
  const special = SPECIAL[sign];
  if (special !== undefined) {
    sink.ascii(special);
    return;
  }
  if (end - start !== NUMERIC_HEAD + 2 * count) {
    throw new PlatformError('replication-protocol', 'a numeric in binary format has not the digits that it names');
  }
  const digit = (index: number): number =>
    index < 0 || index >= count ? 0 : source.readUInt16BE(start + NUMERIC_HEAD + 2 * index);
  sink.reserve(2 + 4 * Math.max(weight + 1, 1) + 1 + decimals + 3);
  if (sign === NEGATIVE) sink.byte(MINUS);
  if (weight < 0) sink.byte(ZERO);
  else {
    sink.digits(digit(0), 1);
    for (let index = 1; index <= weight; index++) sink.digits(digit(index), 4);
  }
  if (decimals === 0) return;
  sink.byte(POINT);
  const wholeEnd = sink.length + decimals;
  for (let index = weight + 1; sink.length < wholeEnd; index++) sink.digits(digit(index), 4);
  sink.length = wholeEnd;
}
