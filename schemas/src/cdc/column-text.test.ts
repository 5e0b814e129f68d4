import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MemoryRegistry } from '../registry/index.ts';
import { columnKinds, columnText, createChangeDecoder, createChangeEncoder, envelopeSchema, textRow } from './index.ts';
import type { Relation } from './index.ts';

const column = (name: string, typeOid: number) => ({ name, typeOid, key: false });
const relation: Relation = {
  schema: 'public',
  table: 'things',
  columns: [
    column('flag', 16),
    column('whole', 23),
    column('big', 20),
    column('real', 700),
    column('double', 701),
    column('at', 1184),
    column('text', 25),
  ],
};

/** Texts into the bytes of a change and back into texts, by what the schema alone says. */
async function roundTrip(texts: readonly (string | null)[]): Promise<(string | null)[]> {
  const registry = new MemoryRegistry();
  const id = await registry.register('cdc.things', envelopeSchema(relation));
  const bytes = createChangeEncoder(relation, id).encode('c', { lsn: 1n, txid: 1, tsUs: 1 }, 0, null, textRow(texts));
  const decoder = createChangeDecoder(registry);
  await decoder.prepare(bytes);
  const kinds = columnKinds(await registry.schema(id));
  const after = decoder.decode(bytes).after ?? {};
  return relation.columns.map(({ name }) => {
    const value = after[name] ?? null;
    if (typeof value === 'symbol') throw new Error(`${name} is unchanged`);
    return columnText(kinds.get(name) ?? 'string', value);
  });
}

const rowWith = (name: string, text: string) => relation.columns.map((known) => (known.name === name ? text : null));

describe("a value's text", () => {
  // As Postgres 18 prints them.
  test.each([
    ['flag', 't'],
    ['flag', 'f'],
    ['whole', '-2147483648'],
    ['big', '-9223372036854775808'],
    ['big', '9223372036854775807'],
    ['real', '1e+06'],
    ['real', '123456'],
    ['real', '3.4028235e+38'],
    ['real', '1e-45'],
    ['real', '0.1'],
    ['double', '1e+15'],
    ['double', '123456789012345'],
    ['double', '0.0001'],
    ['double', '1e-05'],
    ['double', '-0'],
    ['double', '5e-324'],
    ['double', '1.7976931348623157e+308'],
    ['double', 'NaN'],
    ['double', '-Infinity'],
    // Half way between two doubles, JavaScript would print a digit less.
    ['double', '1.8014398509481992e+16'],
    ['at', 'infinity'],
    ['at', '-infinity'],
    ['at', '4714-11-24 00:00:00+00 BC'],
    ['at', '0001-12-31 23:59:59.999999+00 BC'],
    ['at', '0001-01-01 00:00:00+00'],
    ['at', '1969-12-31 23:59:59.9+00'],
    ['at', '2024-02-29 12:00:00.000001+00'],
    ['at', '9999-12-31 23:59:59.999999+00'],
    ['at', '294247-01-10 04:00:54.775806+00'],
    ['at', '294247-01-10 04:00:54.775807+00'],
    ['at', '294247-01-10 04:00:54.775808+00'],
    ['at', '294276-12-31 23:59:59.999999+00'],
    ['text', ''],
    ['text', 'tab\tnewline\nü\\N'],
  ])('of type %s, %s comes back as it was', async (name, text) => {
    expect(await roundTrip(rowWith(name, text))).toEqual(rowWith(name, text));
  });

  test('null stays null', async () => {
    const nulls = relation.columns.map(() => null);
    expect(await roundTrip(nulls)).toEqual(nulls);
  });

  test('any double and any time comes back as itself', async () => {
    const instants = fc.bigInt({ min: -210_866_803_200_000_000n, max: 9_224_318_015_999_999_999n });
    await fc.assert(
      fc.asyncProperty(fc.double(), instants, async (double, us) => {
        const texts = [null, null, null, null, columnText('double', double), columnText('timestamp', us), null];
        expect(Object.is(Number(texts[4]), double)).toBe(true);
        expect(await roundTrip(texts)).toEqual(texts);
      }),
    );
  });
});
