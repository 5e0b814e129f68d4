import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { testEngines } from '@millrace/infra-local/testing';
import { TextRow, createChangeEncoder } from '@millrace/schemas/cdc';
import { builtinCodec } from '@millrace/schemas/wire';
import fc from 'fast-check';
import type pg from 'pg';
import { connectSource, endQuietly } from '../replication/connect.ts';

/** What makes a codec proven: for values at the limits and thousands of others, its text is Postgres' text, and the record's bytes are the same. */
let sql: pg.Client;
beforeAll(async () => {
  sql = await connectSource(testEngines().databaseUrl);
});
afterAll(() => endQuietly(sql));

interface Proof {
  readonly oid: number;
  readonly sql: string;
  readonly send: string;
  readonly edges: readonly string[];
  readonly value: fc.Arbitrary<string>;
}

const integer = (bits: number) => fc.bigInt(-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n).map(String);
const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`));
const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((value) => value.replaceAll('\0', ''));
const bytes = fc.uint8Array({ maxLength: 60 }).map((value) => `\\x${Buffer.from(value).toString('hex')}`);
const two = (max: number) => fc.integer({ min: 0, max }).map((value) => String(value).padStart(2, '0'));
const ofDay = fc
  .tuple(two(23), two(59), two(59), fc.option(fc.integer({ min: 0, max: 999_999 })))
  .map(([h, m, s, us]) => `${h}:${m}:${s}${us === null ? '' : `.${String(us).padStart(6, '0')}`}`);
/** A year and a day of it that every year has, BC among them. */
const day = (last: number) =>
  fc
    .tuple(
      fc.oneof(fc.integer({ min: 1, max: last }), fc.integer({ min: 1700, max: 2300 })),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 28 }),
    )
    .map(([year, m, d]) => `${String(year).padStart(4, '0')}-${m}-${d}`);
const era = fc.boolean().map((isBc) => (isBc ? ' BC' : ''));
const moment = (zone: string) =>
  fc.oneof(
    fc.tuple(day(294_275), ofDay).map(([d, t]) => `${d} ${t}${zone}`),
    fc.tuple(day(4_712), ofDay, era).map(([d, t, bc]) => `${d} ${t}${zone}${bc}`),
  );
const INFINITIES = ['infinity', '-infinity'];

const proofs: readonly Proof[] = [
  { oid: 16, sql: 'bool', send: 'boolsend', edges: ['t', 'f'], value: fc.constantFrom('t', 'f') },
  { oid: 21, sql: 'int2', send: 'int2send', edges: ['-32768', '32767', '0'], value: integer(16) },
  { oid: 23, sql: 'int4', send: 'int4send', edges: ['-2147483648', '2147483647', '-1'], value: integer(32) },
  {
    oid: 20,
    sql: 'int8',
    send: 'int8send',
    edges: ['-9223372036854775808', '9223372036854775807', '9007199254740993', '-9007199254740993', '-1'],
    value: fc.oneof(integer(64), integer(54), integer(34)),
  },
  { oid: 26, sql: 'oid', send: 'oidsend', edges: ['0', '4294967295'], value: fc.nat(4_294_967_295).map(String) },
  { oid: 28, sql: 'xid', send: 'xidsend', edges: ['0', '4294967295'], value: fc.nat(4_294_967_295).map(String) },
  {
    oid: 5069,
    sql: 'xid8',
    send: 'xid8send',
    edges: ['0', '18446744073709551615'],
    value: fc.bigInt(0n, (1n << 64n) - 1n).map(String),
  },
  {
    oid: 701,
    sql: 'float8',
    send: 'float8send',
    edges: ['NaN', 'Infinity', '-Infinity', '-0', '1.7976931348623157e308', '5e-324', '1e15', '18014398509481992'],
    value: fc
      .oneof(
        fc.double(),
        fc.integer().map((n) => n / 1000),
      )
      .map((n) => (Object.is(n, -0) ? '-0' : String(n))),
  },
  {
    oid: 1700,
    sql: 'numeric',
    send: 'numeric_send',
    edges: [
      'NaN',
      'Infinity',
      '-Infinity',
      '0',
      '-0.000',
      '0.0001',
      '0.00001',
      '10000',
      `1${'0'.repeat(400)}.5`,
      `0.${'0'.repeat(500)}1`,
    ],
    value: fc
      .tuple(fc.constantFrom('', '-'), digits(30), fc.option(digits(30)), fc.integer({ min: -20, max: 20 }))
      .map(([sign, whole, part, power]) => `${sign}${whole}${part === null ? '' : `.${part}`}e${power}`),
  },
  { oid: 25, sql: 'text', send: 'textsend', edges: ['', '\\N', ' x ', 'ü鱼🐟', 'x'.repeat(9_000)], value: text },
  {
    oid: 1043,
    sql: 'varchar(60)',
    send: 'varcharsend',
    edges: ['', 'NULL'],
    value: text.map((t) => Array.from(t).slice(0, 60).join('')),
  },
  { oid: 1042, sql: 'char(15)', send: 'bpcharsend', edges: ['', 'a  '], value: fc.stringMatching(/^[ -~]{0,15}$/) },
  { oid: 19, sql: 'name', send: 'namesend', edges: ['', 'n'.repeat(63)], value: fc.stringMatching(/^[ -~]{0,63}$/) },
  { oid: 17, sql: 'bytea', send: 'byteasend', edges: ['\\x', '\\x00ff5c4e'], value: bytes },
  {
    oid: 1082,
    sql: 'date',
    send: 'date_send',
    edges: [...INFINITIES, '4714-11-24 BC', '0044-03-15 BC', '5874897-12-31', '0001-01-01', '2000-02-29', '1999-12-31'],
    value: fc.oneof(
      day(5_874_896),
      fc.tuple(day(4_712), era).map((parts) => parts.join('')),
    ),
  },
  {
    oid: 1083,
    sql: 'time',
    send: 'time_send',
    edges: ['24:00:00', '00:00:00', '23:59:59.999999', '00:00:00.1'],
    value: ofDay,
  },
  {
    oid: 1114,
    sql: 'timestamp',
    send: 'timestamp_send',
    edges: [
      ...INFINITIES,
      '4714-11-24 00:00:00 BC',
      '294276-12-31 23:59:59.999999',
      '2000-01-01 00:00:00',
      '1999-12-31 23:59:59.999999',
    ],
    value: moment(''),
  },
  {
    oid: 1184,
    sql: 'timestamptz',
    send: 'timestamptz_send',
    edges: [
      ...INFINITIES,
      '4714-11-24 00:00:00+00 BC',
      '0044-03-15 12:00:00.000001+05:53:28 BC',
      ...['294247-01-10 04:00:54.775807+00', '294247-01-10 04:00:54.775808+00', '294276-12-31 23:59:59.999999+00'],
      // Where µs since 1970, or since 2000, pass what a number holds exactly.
      ...['2255-06-05 23:47:34.740991+00', '2255-06-05 23:47:34.740993+00', '2285-06-05 23:47:34.740993+00'],
      ...['1684-07-28 00:12:25.259009+00', '1714-07-28 00:12:25.259007+00', '1714-07-28 00:12:25.259009+00'],
    ],
    value: moment('+00'),
  },
  { oid: 2950, sql: 'uuid', send: 'uuid_send', edges: ['00000000-0000-0000-0000-000000000000'], value: fc.uuid() },
  { oid: 114, sql: 'json', send: 'json_send', edges: ['{"b":1, "a":2,"b":3}', ' [ ] ', '"\\u0041"'], value: fc.json() },
  {
    oid: 3802,
    sql: 'jsonb',
    send: 'jsonb_send',
    edges: ['{"b":1, "a":2,"b":3}', '1.0', '1e1000', '-0'],
    value: fc.json().map((t) => t.replaceAll('\\u0000', '')),
  },
];

function row(value: Buffer, isBinary: boolean, oid: number): TextRow {
  const made = new TextRow().reset(value);
  if (isBinary) made.pushBinary(0, value.length);
  else made.push(0, value.length);
  made.codecs = [builtinCodec(oid)];
  return made;
}

test.each(proofs)('$sql: the binary form becomes the text that Postgres prints, and the same record', async (proof) => {
  const values = [...proof.edges, ...fc.sample(proof.value, { numRuns: 3_000, seed: 4_711 })];
  const { rows } = await sql.query<{ text: string; form: Buffer }>(
    `select format('%s', value) as text, ${proof.send}(value) as form from (select t::${proof.sql} as value from unnest($1::text[]) t) v`,
    [values],
  );
  expect(rows).toHaveLength(values.length);
  const relation = { schema: 's', table: 't', columns: [{ name: 'value', typeOid: proof.oid, key: false }] };
  const encoder = createChangeEncoder(relation, 1);
  const commit = { lsn: 1n, txid: 1, tsUs: 1 };
  const record = (of: TextRow) => encoder.encode('c', commit, 0, null, of).toString('hex');
  for (const { text: expected, form } of rows) {
    expect(row(form, true, proof.oid).text(0)).toBe(expected);
    expect(record(row(form, true, proof.oid))).toBe(record(row(Buffer.from(expected), false, proof.oid)));
  }
});
