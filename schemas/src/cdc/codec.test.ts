import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import avro from 'avsc';
import { HEADER_BYTES, bigintLong } from '../avro/index.ts';
import { MemoryRegistry } from '../registry/index.ts';
import {
  UNCHANGED,
  createChangeDecoder,
  createChangeEncoder,
  encodeChange,
  envelopeSchema,
  textRow,
  type ColumnValue,
  type Relation,
  type Row,
} from './index.ts';

const column = (name: string, typeOid: number, key = false) => ({ name, typeOid, key });
const relation: Relation = {
  schema: 'commerce',
  table: 'products',
  columns: [
    column('product_id', 2950, true),
    column('active', 16),
    column('position', 21),
    column('quantity', 23),
    column('version', 20),
    column('rating', 701),
    column('base_price', 1700),
    column('created_at', 1184),
    column('description', 25),
    column('attributes', 3802),
    column('since', 1082),
  ],
};

/** A column's value with the text Postgres prints for it. */
type Cell = readonly [text: string | null | undefined, value: ColumnValue];
const nullable = (cells: fc.Arbitrary<Cell>) =>
  fc.oneof({ weight: 6, arbitrary: cells }, fc.constant<Cell>([null, null]));
const toastable = (cells: fc.Arbitrary<Cell>) =>
  fc.oneof({ weight: 6, arbitrary: cells }, fc.constant<Cell>([undefined, UNCHANGED]), fc.constant<Cell>([null, null]));
const asText = (texts: fc.Arbitrary<string>) => texts.map((text): Cell => [text, text]);
const integer = (bits: number) =>
  fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 }).map((value): Cell => [String(value), value]);

const timestamp = fc
  .tuple(fc.integer({ min: Date.UTC(1900, 0), max: Date.UTC(2250, 0) }), fc.integer({ min: 0, max: 999 }))
  .map(([ms, us]): Cell => {
    const iso = new Date(ms).toISOString();
    const fraction = `${iso.slice(20, 23)}${String(us).padStart(3, '0')}`.replace(/0+$/, '');
    return [`${iso.slice(0, 10)} ${iso.slice(11, 19)}${fraction && `.${fraction}`}+00`, ms * 1000 + us];
  });

const rows = fc.tuple(
  asText(fc.uuid()),
  nullable(fc.boolean().map((value): Cell => [value ? 't' : 'f', value])),
  nullable(integer(16)),
  nullable(integer(32)),
  nullable(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }).map((value): Cell => [String(value), value])),
  nullable(fc.double().map((value): Cell => [Object.is(value, -0) ? '-0' : String(value), value])),
  toastable(asText(fc.integer().map((cents) => (cents / 100).toFixed(2)))),
  nullable(timestamp),
  toastable(asText(fc.string({ unit: 'grapheme', maxLength: 60 }))),
  toastable(asText(fc.jsonValue().map((value) => JSON.stringify(value)))),
  nullable(fc.constant<Cell>(['2026-11-21', '2026-11-21'])),
);
const stamps = fc.record({
  lsn: fc.bigInt({ min: 0n, max: (1n << 62n) - 1n }),
  txid: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  tsUs: fc.integer({ min: 0, max: 4e15 }),
});

/** Makes the reference library hold every long exactly. */
function exactLongs(part: unknown): avro.Type {
  const name = typeof part === 'object' ? (part as { type: unknown }).type : part;
  return (name === 'long' ? bigintLong : undefined) as avro.Type;
}

async function decoderWith(): Promise<{ id: number; registry: MemoryRegistry }> {
  const registry = new MemoryRegistry();
  return { id: await registry.register('cdc.catalog', envelopeSchema(relation)), registry };
}

const rowOf = (cells: readonly Cell[]): Row =>
  Object.fromEntries(relation.columns.map(({ name }, i) => [name, cells[i]?.[1] ?? null]));

describe('change codec', () => {
  test('text columns become bytes that this decoder and the reference library read as the same values', async () => {
    const { id, registry } = await decoderWith();
    const decoder = createChangeDecoder(registry);
    const encoder = createChangeEncoder(relation, id);
    const reference = avro.Type.forSchema(envelopeSchema(relation) as never, { typeHook: exactLongs });
    await fc.assert(
      fc.asyncProperty(rows, stamps, fc.nat(2 ** 31 - 1), async (cells, stamp, ordinal) => {
        const bytes = encoder.encode('u', stamp, ordinal, null, textRow(cells.map(([text]) => text)));
        await decoder.prepare(bytes);
        const change = { op: 'u' as const, ...stamp, ordinal, before: null, after: rowOf(cells) };
        expect(decoder.decode(bytes)).toEqual({ ...change, schema: 'commerce', table: 'products', snapshot: false });
        expect(encodeChange(relation, id, change)).toEqual(bytes);
        const read: unknown = reference.fromBuffer(bytes.subarray(HEADER_BYTES));
        expect(reference.toBuffer(read)).toEqual(bytes.subarray(HEADER_BYTES));
        expect(read).toMatchObject({
          op: 'u',
          source: { lsn: stamp.lsn, ordinal, ts_us: BigInt(stamp.tsUs), table: 'products' },
        });
      }),
    );
  });

  test('a delete carries only the key columns before, nothing after', async () => {
    const { id, registry } = await decoderWith();
    const decoder = createChangeDecoder(registry);
    const key = textRow(['018f', ...relation.columns.slice(1).map(() => null)]);
    const bytes = createChangeEncoder(relation, id).encode('d', { lsn: 7n, txid: 1, tsUs: 2 }, 0, key, null);
    await decoder.prepare(bytes);
    const { before, after, op } = decoder.decode(bytes);
    expect({ op, id: before?.['product_id'], name: before?.['description'], after }).toEqual({
      op: 'd',
      id: '018f',
      name: null,
      after: null,
    });
  });

  test.each([
    ['infinity', Infinity],
    ['-infinity', -Infinity],
    ['2026-11-21 11:47:23.5+00', Date.UTC(2026, 10, 21, 11, 47, 23, 500) * 1000],
    ['2026-11-21 11:47:23.000001+00', Date.UTC(2026, 10, 21, 11, 47, 23) * 1000 + 1],
    ['2026-11-21 17:17:23+05:30', Date.UTC(2026, 10, 21, 11, 47, 23) * 1000],
    ['1969-12-31 23:59:59.999999+00', -1],
    ['0044-03-15 12:00:00+00 BC', Date.UTC(-43, 2, 15, 12) * 1000],
    ['12026-01-01 00:00:00+00', Date.UTC(12026, 0, 1) * 1000],
  ])('the timestamptz %s is read as %d µs', async (text, expected) => {
    const { id, registry } = await decoderWith();
    const decoder = createChangeDecoder(registry);
    const row = textRow(relation.columns.map(({ name }) => (name === 'created_at' ? text : null)));
    const bytes = createChangeEncoder(relation, id).encode('r', { lsn: 1n, txid: 0, tsUs: 0 }, 0, null, row);
    await decoder.prepare(bytes);
    expect(decoder.decode(bytes)).toMatchObject({ snapshot: true, after: { created_at: expected } });
  });

  test('a value of a schema that is not loaded, and one that ends too early, are refused with their kind', async () => {
    const { id, registry } = await decoderWith();
    const decoder = createChangeDecoder(registry);
    const row = textRow(relation.columns.map(() => null));
    const bytes = createChangeEncoder(relation, id).encode('c', { lsn: 1n, txid: 0, tsUs: 0 }, 0, null, row);
    expect(() => decoder.decode(bytes)).toThrow(expect.objectContaining({ kind: 'schema-unknown' }));
    await decoder.prepare(bytes);
    expect(() => decoder.decode(bytes.subarray(0, bytes.length - 1))).toThrow(
      expect.objectContaining({ kind: 'record-malformed' }),
    );
  });

  test('a row that has not the columns of its relation is refused', () => {
    const encoder = createChangeEncoder(relation, 1);
    expect(() => encoder.encode('c', { lsn: 1n, txid: 0, tsUs: 0 }, 0, null, textRow(['a']))).toThrow('does not fit');
  });
});
