import { PlatformError } from '@millrace/kernel/errors';
import { daysFromCivil } from '../wire/civil.ts';
import { longOfTimestamp } from './timestamp-long.ts';

const MINUS = 0x2d;
const ZERO = 0x30;

/** A decimal integer in `buffer`, exact up to 15 digits. */
export function parseInteger(buffer: Buffer, start: number, end: number): number {
  let at = start;
  const negative = buffer[at] === MINUS;
  if (negative) at++;
  let value = 0;
  for (; at < end; at++) value = value * 10 + ((buffer[at] ?? 0) - ZERO);
  return negative ? -value : value;
}

/**
 * A timestamptz as Postgres prints it with DateStyle ISO, as the long that holds it: a number where that is safe, else a bigint.
 * UTC (`+00`) with a four-digit year takes a path that allocates nothing.
 */
export function parseTimestamp(buffer: Buffer, start: number, end: number): number | bigint {
  const length = end - start;
  if (length < 22 || buffer[end - 3] !== 0x2b || buffer[end - 2] !== ZERO || buffer[end - 1] !== ZERO) {
    return parseAnyTimestamp(buffer.toString('latin1', start, end));
  }
  if (buffer[start + 4] !== MINUS) return parseAnyTimestamp(buffer.toString('latin1', start, end));
  const days = daysFromCivil(four(buffer, start), two(buffer, start + 5), two(buffer, start + 8));
  const seconds = two(buffer, start + 11) * 3600 + two(buffer, start + 14) * 60 + two(buffer, start + 17);
  let fraction = 0;
  if (length > 22) {
    let scale = 100_000;
    for (let at = start + 20; at < end - 3; at++) {
      fraction += ((buffer[at] ?? 0) - ZERO) * scale;
      scale /= 10;
    }
  }
  const wholeUs = (days * 86_400 + seconds) * 1_000_000;
  return Number.isSafeInteger(wholeUs + fraction)
    ? wholeUs + fraction
    : BigInt(wholeUs / 1e6) * 1_000_000n + BigInt(fraction);
}

/** The same of a text alone, off the hot path. */
export function timestampLong(text: string): bigint {
  const bytes = Buffer.from(text, 'latin1');
  return BigInt(parseTimestamp(bytes, 0, bytes.length));
}

function two(buffer: Buffer, at: number): number {
  return ((buffer[at] ?? 0) - ZERO) * 10 + ((buffer[at + 1] ?? 0) - ZERO);
}

function four(buffer: Buffer, at: number): number {
  return two(buffer, at) * 100 + two(buffer, at + 2);
}

const TIMESTAMP =
  /^(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?( BC)?$/;

function parseAnyTimestamp(text: string): number | bigint {
  if (text === 'infinity') return longOfTimestamp(Infinity);
  if (text === '-infinity') return longOfTimestamp(-Infinity);
  const match = TIMESTAMP.exec(text);
  if (match === null) throw new PlatformError('replication-protocol', 'a timestamptz is not in DateStyle ISO');
  const part = (index: number): number => Number(match[index] ?? 0);
  const year = match[12] === undefined ? part(1) : 1 - part(1);
  const offset = (part(9) * 3600 + part(10) * 60 + part(11)) * (match[8] === '-' ? -1 : 1);
  const seconds = daysFromCivil(year, part(2), part(3)) * 86_400 + part(4) * 3600 + part(5) * 60 + part(6) - offset;
  const us = BigInt(seconds) * 1_000_000n + BigInt((match[7] ?? '').padEnd(6, '0'));
  return longOfTimestamp(us);
}
