import { doubleText } from './float-text.ts';
import { writeInteger, writeNumeric } from './number-text.ts';
import type { TextSink } from './text-sink.ts';
import { writeDate, writeTime, writeTimestamp } from './time-text.ts';

/**
 * How a type's binary form (its send function's) becomes the text that its output function prints under UTC, ISO dates, hex bytea. The forms
 * of those here are proven to give the same text by a property test against Postgres; there is none for a type whose form is not.
 */
export type BinaryCodec =
  /** From `skip` on it is the text. */
  | { readonly kind: 'text'; readonly skip: number }
  /** Appends the text. Throws `replication-protocol` for what is not of the type. */
  | {
      readonly kind: 'converted';
      readonly write: (source: Buffer, start: number, end: number, sink: TextSink) => void;
    };

/** Texts of every kind, and enums, whose labels are texts. */
export const TEXT_CODEC: BinaryCodec = { kind: 'text', skip: 0 };

const converted = (write: (source: Buffer, start: number, end: number, sink: TextSink) => void): BinaryCodec => ({
  kind: 'converted',
  write,
});

const HEX = Uint8Array.from(Buffer.from('0123456789abcdef'));
const MINUS = 0x2d;

/** Two digits for each byte; the room is the caller's. */
function writeHex(source: Buffer, start: number, end: number, sink: TextSink): void {
  const { buffer } = sink;
  let at = sink.length;
  for (let i = start; i < end; i++) {
    const byte = source[i] ?? 0;
    buffer[at++] = HEX[byte >> 4] ?? 0;
    buffer[at++] = HEX[byte & 15] ?? 0;
  }
  sink.length = at;
}

function writeUuid(source: Buffer, start: number, _end: number, sink: TextSink): void {
  sink.reserve(36);
  let from = start;
  for (const bytes of UUID_PARTS) {
    if (from > start) sink.byte(MINUS);
    writeHex(source, from, from + bytes, sink);
    from += bytes;
  }
}

const UUID_PARTS = [4, 2, 2, 2, 6];

const codecs: Readonly<Record<number, BinaryCodec>> = {
  16: converted((source, start, _end, sink) => sink.ascii(source[start] === 0 ? 'f' : 't')),
  17: converted((source, start, end, sink) => {
    sink.reserve(2 + 2 * (end - start));
    sink.byte(0x5c);
    sink.byte(0x78);
    writeHex(source, start, end, sink);
  }),
  // name, text, json, char(n), varchar
  19: TEXT_CODEC,
  25: TEXT_CODEC,
  114: TEXT_CODEC,
  1042: TEXT_CODEC,
  1043: TEXT_CODEC,
  20: converted((source, start, _end, sink) => sink.ascii(String(source.readBigInt64BE(start)))),
  21: converted((source, start, _end, sink) => writeInteger(source.readInt16BE(start), sink)),
  23: converted((source, start, _end, sink) => writeInteger(source.readInt32BE(start), sink)),
  26: converted((source, start, _end, sink) => writeInteger(source.readUInt32BE(start), sink)),
  28: converted((source, start, _end, sink) => writeInteger(source.readUInt32BE(start), sink)),
  701: converted((source, start, _end, sink) => sink.ascii(doubleText(source.readDoubleBE(start)))),
  1082: converted((source, start, _end, sink) => writeDate(source.readInt32BE(start), sink)),
  1083: converted((source, start, _end, sink) => writeTime(source, start, sink)),
  1114: converted((source, start, _end, sink) => writeTimestamp(source, start, '', sink)),
  1184: converted((source, start, _end, sink) => writeTimestamp(source, start, '+00', sink)),
  1700: converted(writeNumeric),
  2950: converted(writeUuid),
  5069: converted((source, start, _end, sink) => sink.ascii(String(source.readBigUInt64BE(start)))),
  // jsonb: the number of its format, then the text
  3802: { kind: 'text', skip: 1 },
};

/** The codec of a built-in type; undefined where its binary form is not proven. */
export function builtinCodec(typeOid: number): BinaryCodec | undefined {
  return codecs[typeOid];
}
