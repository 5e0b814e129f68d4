import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AvroReader, AvroWriter, avroType } from './index.ts';

const long = avroType('long');
const position = avroType({ type: 'long', logicalType: 'position' } as never);
const jsonType = { type: 'string', logicalType: 'json' };
const anyInt64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });

describe('Avro primitives', () => {
  test('a long is written as the reference library writes it and read back', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const writer = new AvroWriter(1);
        writer.long(value);
        const bytes = writer.finish();
        if (Math.abs(value) < 2 ** 52) expect(bytes).toEqual(long.toBuffer(value));
        expect(new AvroReader().open(bytes).long()).toBe(value);
      }),
    );
  });

  test('a 64-bit position survives whole', () => {
    fc.assert(
      fc.property(anyInt64, (value) => {
        const writer = new AvroWriter(1);
        writer.bigint(value);
        const bytes = writer.finish();
        expect(bytes).toEqual(position.toBuffer(value));
        expect(new AvroReader().open(bytes).bigint()).toBe(value);
        expect(position.fromBuffer(bytes)).toBe(value);
      }),
    );
  });

  test('strings and doubles read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.double(), (text, number) => {
        const writer = new AvroWriter(1);
        writer.string(text);
        writer.double(number);
        const reader = new AvroReader().open(writer.finish());
        expect(reader.string()).toBe(text);
        expect(reader.double()).toBe(number);
      }),
    );
  });

  test('texts read one after the other are their own, also where a reader remembers short ones', () => {
    const reader = new AvroReader();
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'b', 'ü', '€', '\u{1f600}'), maxLength: 4 }),
      fc.string({ maxLength: 30 }),
      fc.constantFrom('c', 'sale', 'stock_movements', 'Aa', 'BB', 'AaAa', 'BBBB', 'AaBB'),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 50 }), (texts) => {
        const writer = new AvroWriter(1);
        for (const one of texts) writer.string(one);
        reader.open(writer.finish());
        expect(texts.map(() => reader.string())).toEqual(texts);
      }),
    );
  });

  test('parts of slabs are the bytes that copies would be, and stay so', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 30_000 }), { maxLength: 30 }), (values) => {
        const writer = new AvroWriter(0, { slabs: true });
        const parts = values.map((value) => {
          writer.string('given up');
          writer.reset();
          writer.bytesOf(Buffer.from(value), 0, value.length);
          expect(writer.length).toBeGreaterThanOrEqual(value.length);
          return writer.finish();
        });
        const copies = values.map((value) => {
          const copying = new AvroWriter(1);
          copying.bytes(value);
          return copying.finish();
        });
        expect(Buffer.concat(parts).equals(Buffer.concat(copies))).toBe(true);
      }),
    );
  });

  test('a body that ends too early is refused, never read past its end', () => {
    const writer = new AvroWriter();
    writer.string('a longer text');
    const bytes = writer.finish();
    expect(() => new AvroReader().open(bytes.subarray(0, 5)).string()).toThrow('ends too early');
    expect(() => new AvroReader().open(Buffer.from([0x80])).long()).toThrow('ends too early');
  });
});

test('a record that holds JSON may gain a field: what was written before is read', () => {
  const record = (...more: object[]) =>
    avroType({ type: 'record', name: 'R', fields: [{ name: 'json', type: jsonType }, ...more] } as never);
  const older = record();
  const newer = record({ name: 'more', type: ['null', 'int'], default: null });
  const bytes = older.toBuffer({ json: { a: [1, 'b'] } });
  expect(newer.fromBuffer(bytes, newer.createResolver(older))).toEqual({ json: { a: [1, 'b'] }, more: null });
  const plain = avroType({ type: 'record', name: 'R', fields: [{ name: 'json', type: 'string' }] } as never);
  expect(newer.fromBuffer(bytes, newer.createResolver(plain))).toEqual({ json: { a: [1, 'b'] }, more: null });
});
