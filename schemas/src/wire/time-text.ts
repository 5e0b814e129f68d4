import { civilFromDays } from './civil.ts';
import type { TextSink } from './text-sink.ts';

/** Between Postgres' first day (2000-01-01) and 1970-01-01. */
const EPOCH_DAYS = 10_957;
const DAY_US = 86_400_000_000;
const INT32_MAX = 2_147_483_647;
const INT32_MIN = -2_147_483_648;
const HIGH = 4_294_967_296;

const MINUS = 0x2d;
const COLON = 0x3a;
const POINT = 0x2e;
const SPACE = 0x20;
/** `-infinity`, or `294276-12-31 23:59:59.999999+00 BC`, with something to spare. */
const ROOM = 48;

/** Days since 2000. */
export function writeDate(days: number, sink: TextSink): void {
  if (days === INT32_MAX || days === INT32_MIN) {
    sink.ascii(days > 0 ? 'infinity' : '-infinity');
    return;
  }
  sink.reserve(ROOM);
  if (!writeDay(days, sink)) sink.ascii(' BC');
}

/** µs since midnight. */
export function writeTime(source: Buffer, start: number, sink: TextSink): void {
  sink.reserve(ROOM);
  writeOfDay(source.readInt32BE(start) * HIGH + source.readUInt32BE(start + 4), sink);
}

/** µs since 2000, with or without the zone, which is UTC. */
export function writeTimestamp(source: Buffer, start: number, zone: '' | '+00', sink: TextSink): void {
  const high = source.readInt32BE(start);
  const low = source.readUInt32BE(start + 4);
  if (high === INT32_MAX && low === HIGH - 1) {
    sink.ascii('infinity');
    return;
  }
  if (high === INT32_MIN && low === 0) {
    sink.ascii('-infinity');
    return;
  }
  sink.reserve(ROOM);
  const us = high * HIGH + low;
  let days = Math.floor(us / DAY_US);
  let ofDay = us - days * DAY_US;
  if (!Number.isSafeInteger(us)) {
    const exact = source.readBigInt64BE(start);
    const rest = Number(exact % BigInt(DAY_US));
    ofDay = rest < 0 ? rest + DAY_US : rest;
    days = Number((exact - BigInt(ofDay)) / BigInt(DAY_US));
  }
  const isAfterChrist = writeDay(days, sink);
  sink.byte(SPACE);
  writeOfDay(ofDay, sink);
  if (zone !== '') sink.ascii(zone);
  if (!isAfterChrist) sink.ascii(' BC');
}

/** Answers whether it is a year after Christ. */
function writeDay(days: number, sink: TextSink): boolean {
  const { year, month, day } = civilFromDays(days + EPOCH_DAYS);
  sink.digits(year > 0 ? year : 1 - year, 4);
  sink.byte(MINUS);
  sink.digits(month, 2);
  sink.byte(MINUS);
  sink.digits(day, 2);
  return year > 0;
}

function writeOfDay(us: number, sink: TextSink): void {
  const seconds = Math.floor(us / 1_000_000);
  sink.digits(Math.floor(seconds / 3_600), 2);
  sink.byte(COLON);
  sink.digits(Math.floor(seconds / 60) % 60, 2);
  sink.byte(COLON);
  sink.digits(seconds % 60, 2);
  let fraction = us - seconds * 1_000_000;
  if (fraction === 0) return;
  let width = 6;
  for (; fraction % 10 === 0; width--) fraction /= 10;
  sink.byte(POINT);
  sink.digits(fraction, width);
}
