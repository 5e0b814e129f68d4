import { columnText } from '@millrace/schemas/cdc';
import type { Random } from '../../shop/random.ts';

/** A column's type, values at its limits, and any number of others; values are texts that Postgres reads. */
export interface GeneratedType {
  /** As in `create table`. */
  readonly sql: string;
  readonly edges: readonly string[];
  readonly value: (random: Random) => string;
}

const type = (sql: string, edges: readonly string[], value: (random: Random) => string): GeneratedType => ({
  sql,
  edges,
  value,
});

const bits = new DataView(new ArrayBuffer(8));
const int64 = (random: Random): bigint => {
  bits.setUint32(0, random.uint32());
  bits.setUint32(4, random.uint32());
  return bits.getBigInt64(0);
};
/** As often short as long. */
const sizedInt64 = (random: Random): bigint => int64(random) >> BigInt(random.int(0, 63));
const float8 = (random: Random): string => {
  bits.setBigInt64(0, int64(random));
  const value = random.chance(0.5) ? bits.getFloat64(0) : Number(sizedInt64(random)) / 10 ** random.int(0, 12);
  return Number.isFinite(value) ? String(value) : 'NaN';
};
const float4 = (random: Random): string => {
  bits.setUint32(0, random.uint32());
  const value = random.chance(0.5) ? bits.getFloat32(0) : Math.fround(random.int(-1e9, 1e9) / 10 ** random.int(0, 9));
  return Number.isFinite(value) ? String(value) : '-Infinity';
};
const radius = (random: Random): string => String(random.int(0, 1e6) / 7);
const coordinate = (random: Random): string => String(random.int(-1e9, 1e9) / 10 ** random.int(0, 9));
const digits = (random: Random, length: number): string =>
  Array.from({ length }, () => String(random.int(0, 9))).join('');
const hex = (random: Random, bytes: number): string =>
  Array.from({ length: bytes }, () => random.int(0, 255).toString(16).padStart(2, '0')).join('');
const numeric = (random: Random): string =>
  `${random.chance(0.5) ? '-' : ''}${digits(random, random.int(1, 40))}.${digits(random, random.int(1, 40))}`;
const many = (random: Random, most: number, one: (random: Random) => string): string[] =>
  Array.from({ length: random.int(0, most) }, () => one(random));

const TROUBLE = [
  '\\',
  '\\N',
  '"',
  "'",
  '\t',
  '\n',
  '\r',
  '\b',
  '\f',
  '\v',
  ',',
  '{',
  '}',
  '(',
  ')',
  'NULL',
  ' ',
  'ü',
  '鱼',
  '🐟',
];
const text = (random: Random): string =>
  many(random, 12, () => (random.chance(0.4) ? random.pick(TROUBLE) : String.fromCharCode(random.int(33, 126)))).join(
    '',
  );
const word = (random: Random): string => `w${random.int(0, 999)}`;

const FIRST_US = -210_866_803_200_000_000n;
const LAST_US = 9_224_318_015_999_999_999n;
const instant = (random: Random): bigint => {
  if (random.chance(0.7))
    return BigInt(random.int(-30_000, 30_000)) * 86_400_000_000n + BigInt(random.int(0, 86_399_999_999));
  return FIRST_US + (BigInt.asUintN(64, int64(random)) % (LAST_US - FIRST_US));
};
const timestamptz = (random: Random): string => columnText('timestamp', instant(random)) ?? '';
const timestamp = (random: Random): string => timestamptz(random).replace('+00', '');
const date = (random: Random): string => timestamp(random).replace(/ \d\d:\d\d:\d\d(\.\d+)?/, '');
const ofDay = (random: Random): string => /\d\d:\d\d:\d\d(\.\d+)?/.exec(timestamp(random))?.[0] ?? '00:00:00';
const offset = (random: Random): string =>
  `${random.pick(['+', '-'])}${String(random.int(0, 15)).padStart(2, '0')}:${String(random.int(0, 59)).padStart(2, '0')}`;

const json = (random: Random, depth = 3): string => {
  const space = random.pick(['', ' ', '\n', '\t ']);
  if (depth === 0 || random.chance(0.4)) {
    return random.pick([
      'null',
      'true',
      '-0',
      '1.50',
      '1e5',
      JSON.stringify(text(random)),
      digits(random, 25).replace(/^0+/, '7'),
    ]);
  }
  const parts = many(random, 4, () => json(random, depth - 1));
  if (random.chance(0.5)) return `[${parts.join(`,${space}`)}]`;
  // Keys in any order, some twice.
  const keyed = parts.map(
    (part) => `${JSON.stringify(random.pick(['b', 'a', 'ü', '', word(random)]))}:${space}${part}`,
  );
  return `{${space}${keyed.join(`,${space}`)}}`;
};

const quoted = (element: string): string => `"${element.replace(/["\\]/g, '\\$&')}"`;
const arrayOf =
  (element: (random: Random) => string) =>
  (random: Random): string => {
    const one = (): string => (random.chance(0.15) ? 'NULL' : quoted(element(random)));
    const row = (length: number): string => `{${Array.from({ length }, one).join(',')}}`;
    const width = random.int(1, 3);
    const plain = [`{}`, row(width), `{${row(width)},${row(width)}}`, `{{${row(width)}},{${row(width)}}}`];
    return random.chance(0.2) ? `[-1:${width - 2}]=${row(width)}` : random.pick(plain);
  };
const ordered = <T>(a: T, b: T): [T, T] => (a < b ? [a, b] : [b, a]);
const rangeOf =
  <T>(draw: (random: Random) => T, print: (bound: T) => string) =>
  (random: Random): string => {
    if (random.chance(0.1)) return 'empty';
    const [from, to] = ordered(draw(random), draw(random));
    const low = random.chance(0.1) ? '' : quoted(print(from));
    const high = random.chance(0.1) ? '' : quoted(print(to));
    return `${random.pick(['[', '('])}${low},${high}${random.pick([']', ')'])}`;
  };
const multi =
  (range: (random: Random) => string) =>
  (random: Random): string =>
    `{${many(random, 3, range).join(',')}}`;
const atUs = (us: bigint): string => columnText('timestamp', us) ?? '';
const recent = (random: Random): bigint => BigInt(random.int(0, 2_000_000_000)) * 1_000_003n;
const int4range = rangeOf((random) => random.int(-2e9, 2e9), String);
const int8range = rangeOf((random) => int64(random) >> 1n, String);
const numrange = rangeOf(
  (random) => random.int(-1e9, 1e9),
  (n) => `${n}.50`,
);
const tstzrange = rangeOf(recent, atUs);
const tsrange = rangeOf(recent, (us) => atUs(us).replace('+00', ''));
const daterange = rangeOf(recent, (us) => atUs(us).slice(0, 10));
const point = (random: Random): string => `(${coordinate(random)},${coordinate(random)})`;
const points = (random: Random): string => [point(random), ...many(random, 4, point)].join(',');
const ip = (random: Random): string => [0, 0, 0, 0].map(() => random.int(0, 255)).join('.');
const binary = (random: Random, length: number): string => Array.from({ length }, () => random.int(0, 1)).join('');
const uint32 = (random: Random): string => String(random.uint32());
const composite = (random: Random): string =>
  `(${random.chance(0.2) ? '' : random.int(-9, 9)},${quoted(text(random))},${quoted(timestamptz(random))},${quoted(arrayOf(text)(random))})`;

const INFINITIES = ['infinity', '-infinity'];
const mood = ['sad', 'with space', 'quo"te', "it's", 'comma,', 'back\\slash'];

/** Made before the table: types that no server has. */
export const customTypes: readonly string[] = [
  `create type commerce.mood as enum (${mood.map((label) => `'${label.replaceAll("'", "''")}'`).join(', ')})`,
  'create type commerce.pair as (a int4, b text, c timestamptz, d text[])',
  'create domain commerce.amount as numeric check (value is distinct from 0.123)',
  'create domain commerce.moment as timestamptz',
  'create domain commerce.words as text[]',
  'create type commerce.floatrange as range (subtype = float8)',
];

/** Every type with the values at its limits that others are known to lose, and any number of others. */
export const generatedTypes: readonly GeneratedType[] = [
  type('bool', ['t', 'f'], (random) => random.pick(['t', 'f'])),
  type('int2', ['-32768', '32767'], (random) => String(random.int(-32768, 32767))),
  type('int4', ['-2147483648', '2147483647'], (random) => String(random.int(-2147483648, 2147483647))),
  type('int8', ['-9223372036854775808', '9223372036854775807', '9007199254740993'], (r) => String(sizedInt64(r))),
  type(
    'numeric',
    ['NaN', 'Infinity', '-Infinity', '0', '-0.000', `1${'0'.repeat(400)}.5`, `0.${'0'.repeat(500)}1`],
    numeric,
  ),
  type('numeric(12,2)', ['NaN', '0', '-9999999999.99'], (random) => (random.int(-1e11, 1e11) / 100).toFixed(2)),
  type('float4', ['NaN', 'Infinity', '-Infinity', '-0', '3.4028235e38', '1e-45', '1e6', '123456'], float4),
  type(
    'float8',
    ['NaN', 'Infinity', '-Infinity', '-0', '1.7976931348623157e308', '5e-324', '1e15', '18014398509481992'],
    float8,
  ),
  type('money', ['-92233720368547758.08', '92233720368547758.07', '0'], (r) => (r.int(-1e12, 1e12) / 100).toFixed(2)),
  type('text', ['', '\\N', '\\.', ' lead and trail ', '\t\n\r\b\f\v\\', 'x'.repeat(9000)], text),
  type('varchar(60)', ['', 'NULL'], text),
  type('char(15)', ['', 'a  '], (random) => Array.from(text(random)).slice(0, 15).join('')),
  type('name', ['', 'n'.repeat(63)], text),
  type('"char"', ['', 'a', '\\377', '\\'], (random) => String.fromCharCode(random.int(33, 126))),
  type('bytea', ['\\x', '\\x00ff5c4e'], (random) => `\\x${hex(random, random.int(0, 40))}`),
  type('date', [...INFINITIES, '4714-11-24 BC', '0044-03-15 BC', '5874897-12-31', '0001-01-01'], date),
  type('time', ['24:00:00', '00:00:00', '23:59:59.999999'], ofDay),
  type('time(0)', ['24:00:00'], ofDay),
  type('timetz', ['24:00:00+15:59:59', '24:00:00-15:59:59', '00:00:00+00'], (r) => ofDay(r) + offset(r)),
  type('timestamp', [...INFINITIES, '4714-11-24 00:00:00 BC', '294276-12-31 23:59:59.999999'], timestamp),
  type(
    'timestamptz',
    [
      ...INFINITIES,
      '4714-11-24 00:00:00+00 BC',
      '0044-03-15 12:00:00.000001+05:53:28 BC',
      '294247-01-10 04:00:54.775807+00',
      '294247-01-10 04:00:54.775808+00',
      '294276-12-31 23:59:59.999999+00',
      '9999-12-31 23:59:59.999999+00',
    ],
    timestamptz,
  ),
  type(
    'interval',
    [
      'infinity',
      '-infinity',
      '0',
      '178000000 years',
      '-1 mons +2 days -03:04:05.000006',
      '24:00:00',
      '-2562047788:00:54.775807',
    ],
    (r) => `${r.int(-99999, 99999)} mons ${r.int(-9999, 9999)} days ${r.int(-1e14, 1e14)} microseconds`,
  ),
  type('uuid', ['00000000-0000-0000-0000-000000000000'], (r) => hex(r, 16)),
  type('json', ['{"b":1, "a":2,"b":3}', ' [ ] ', '"\\u0041"', 'null'], (random) => json(random)),
  type('jsonb', ['{"b":1, "a":2,"b":3}', '"\\u00fc"', '1.0', '1e1000', '-0'], (random) => json(random)),
  type('jsonpath', ['$', 'strict $.a[*] ? (@ > 1.5)'], (random) => `$.${word(random)}[${random.int(0, 9)} to last]`),
  type('xml', ['<a/>', '<a b="c">&lt;ü</a>', 'text'], (random) => `<a>${hex(random, 3)}</a>`),
  type('inet', ['::', '::ffff:1.2.3.4/96', '0.0.0.0/0'], (r) => `${ip(r)}/${r.int(0, 32)}`),
  type('cidr', ['::/0', '10.0.0.0/8'], (r) => `${hex(r, 2)}:${hex(r, 2)}::/${r.int(32, 128)}`),
  type('macaddr', ['ff:ff:ff:ff:ff:ff'], (random) => hex(random, 6)),
  type('macaddr8', ['00:00:00:00:00:00:00:00'], (random) => hex(random, 8)),
  type('bit(12)', ['000000000000'], (random) => binary(random, 12)),
  type('varbit', ['', '1'], (random) => binary(random, random.int(0, 70))),
  type('pg_lsn', ['0/0', 'FFFFFFFF/FFFFFFFF'], (r) => `${hex(r, 4)}/${hex(r, 4)}`),
  type('oid', ['0', '4294967295'], uint32),
  type('xid', ['0', '4294967295'], uint32),
  type('xid8', ['0', '18446744073709551615'], (r) => String(BigInt.asUintN(64, int64(r)))),
  type('tid', ['(0,0)', '(4294967295,65535)'], (r) => `(${r.uint32()},${r.int(0, 65535)})`),
  type('pg_snapshot', ['10:20:10,14,15', '1:1:'], (r) => `${r.int(1, 9)}:${r.int(10, 99)}:`),
  type('regtype', ['integer', '"char"'], (r) =>
    r.pick(['text', 'timestamp with time zone', 'int4[]', 'commerce.mood']),
  ),
  type('regclass', ['pg_class', 'commerce.tags'], (r) => r.pick(['pg_type', 'commerce.orders'])),
  type('int2vector', ['1 2 3'], (random) => many(random, 5, (r) => String(r.int(-9, 9))).join(' ')),
  type('oidvector', ['1 2 3'], (random) => many(random, 5, uint32).join(' ')),
  type('refcursor', ['c'], text),
  type('point', ['(NaN,Infinity)', '(-0,1e300)'], point),
  type('line', ['{1,-1,0}'], (r) => `{1,${coordinate(r)},${coordinate(r)}}`),
  type('lseg', ['[(0,0),(1,1)]'], (r) => `[${point(r)},${point(r)}]`),
  type('box', ['(1,1),(0,0)'], (r) => `${point(r)},${point(r)}`),
  type('path', ['[(0,0)]', '((0,0),(1,1))'], (r) => (r.chance(0.5) ? `[${points(r)}]` : `(${points(r)})`)),
  type('polygon', ['((0,0))'], (r) => `(${points(r)})`),
  type('circle', ['<(0,0),0>'], (r) => `<${point(r)},${radius(r)}>`),
  type('tsvector', ["'a':1A 'b c':2,3B", '', "'it''s' 'back\\\\slash'"], (r) =>
    many(r, 6, (x) => `${word(x)}:${x.int(1, 99)}${x.pick(['A', 'B', ''])}`).join(' '),
  ),
  type('tsquery', ["'a' & !'b' | 'c':*A", "'x' <2> 'y'"], (r) => `${word(r)} ${r.pick(['&', '|', '<->'])} !${word(r)}`),
  type('int4range', ['empty', '(,)', '[1,1]'], int4range),
  type('int8range', ['empty', '[-9223372036854775808,9223372036854775807)'], int8range),
  type('numrange', ['empty', '[NaN,NaN]', '(-Infinity,Infinity)'], numrange),
  type('tsrange', ['empty', '[-infinity,infinity]'], tsrange),
  type(
    'tstzrange',
    ['empty', '[-infinity,infinity]', '["0044-03-15 00:00:00+00 BC","294276-12-31 00:00:00+00")'],
    tstzrange,
  ),
  type('daterange', ['empty', '[2024-02-29,2024-02-29]'], daterange),
  type('int4multirange', ['{}', '{(,)}', '{[1,2],[5,9]}'], multi(int4range)),
  type('int8multirange', ['{}'], multi(int8range)),
  type('nummultirange', ['{}'], multi(numrange)),
  type('tsmultirange', ['{}'], multi(tsrange)),
  type('tstzmultirange', ['{}'], multi(tstzrange)),
  type('datemultirange', ['{}'], multi(daterange)),
  type(
    'bool[]',
    ['{t,f,NULL}'],
    arrayOf((random) => random.pick(['t', 'f'])),
  ),
  type(
    'int4[]',
    ['{}', '[0:1]={1,2}', '{{{1},{2}},{{3},{4}}}'],
    arrayOf((r) => String(r.int(-9e8, 9e8))),
  ),
  type('text[]', ['{}', '{NULL,"NULL","",null}', '{"a\\"b","c\\\\d","{}"}'], arrayOf(text)),
  type('float8[]', ['{NaN,Infinity,-0}'], arrayOf(float8)),
  type('numeric[]', ['{NaN,1e100}'], arrayOf(numeric)),
  type('timestamptz[]', ['{infinity,"0044-03-15 00:00:00+00 BC"}'], arrayOf(timestamptz)),
  type(
    'bytea[]',
    ['{"\\\\x00ff"}'],
    arrayOf((r) => `\\x${hex(r, 4)}`),
  ),
  type(
    'jsonb[]',
    ['{"{\\"b\\": 1}"}'],
    arrayOf((random) => json(random)),
  ),
  type('int4range[]', ['{empty,"[1,5)"}'], arrayOf(int4range)),
  type('box[]', ['{(1,1),(0,0);(2,2),(1,1)}'], (r) => `{${[1, 2].map(() => `${point(r)},${point(r)}`).join(';')}}`),
  type('commerce.mood', mood, (random) => random.pick(mood)),
  type(
    'commerce.mood[]',
    ['{}'],
    arrayOf((random) => random.pick(mood)),
  ),
  type('commerce.pair', ['(,,,)', '(1,"","infinity","{NULL}")'], composite),
  type('commerce.pair[]', ['{}'], arrayOf(composite)),
  type('commerce.amount', ['NaN', '1e200'], numeric),
  type('commerce.moment', [...INFINITIES, '0044-03-15 00:00:00+00 BC'], timestamptz),
  type('commerce.words', ['{}', '{"a b",NULL}'], arrayOf(text)),
  type(
    'commerce.floatrange',
    ['empty', '[NaN,NaN]', '[-0,1e15]'],
    rangeOf((random) => Number(coordinate(random)), String),
  ),
];
