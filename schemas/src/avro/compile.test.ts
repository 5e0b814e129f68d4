import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { viewKinds, viewSchemas } from '../views/schemas.ts';
import { AvroWriter, avroType, compileWriter } from './index.ts';

interface Field {
  readonly name: string;
  readonly type: Schema;
  readonly default?: unknown;
}
type Schema =
  | string
  | readonly Schema[]
  | {
      readonly type: string;
      readonly logicalType?: string;
      readonly fields?: readonly Field[];
      readonly items?: Schema;
    };

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme', maxLength: 90 }),
  fc.string({ minLength: 55, maxLength: 70 }),
);
const odd = fc.constantFrom<unknown>(undefined, null, 'x', 1.5, 2 ** 31, 2 ** 53, 5n, true, {}, []);

/** Values of a schema; with `wrong`, here and there something that does not belong. */
function valueOf(schema: Schema, wrong: boolean): fc.Arbitrary<unknown> {
  const fit = fitting(schema, wrong);
  return wrong ? fc.oneof({ weight: 15, arbitrary: fit }, { weight: 1, arbitrary: odd }) : fit;
}

function fitting(schema: Schema, wrong: boolean): fc.Arbitrary<unknown> {
  if (Array.isArray(schema)) return fc.oneof(...(schema as Schema[]).map((branch) => valueOf(branch, wrong)));
  const { type, logicalType, fields, items } = (typeof schema === 'string' ? { type: schema } : schema) as Exclude<
    Schema,
    string | readonly Schema[]
  >;
  if (fields !== undefined) {
    const members = fields.map((field) => [field.name, memberOf(field, wrong)] as const);
    return fc.record(Object.fromEntries(members)).map((value) => value as unknown);
  }
  if (items !== undefined) return fc.array(valueOf(items, wrong), { maxLength: 3 });
  if (logicalType === 'position') return fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
  if (logicalType === 'json') return fc.jsonValue();
  const simple: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    null: fc.constant(null),
    string: text,
    boolean: fc.boolean(),
    int: fc.integer(),
    long: fc.oneof(fc.integer({ min: -(2 ** 52), max: 2 ** 52 }), fc.integer()),
    double: fc.double(),
  };
  const found = simple[type];
  if (found === undefined) throw new Error(`no values for ${type}`);
  return found;
}

function memberOf(field: Field, wrong: boolean): fc.Arbitrary<unknown> {
  const value = valueOf(field.type, wrong);
  return field.default === undefined ? value : fc.oneof(value, fc.constant(undefined));
}

function written(schema: unknown): (value: unknown) => Buffer | null {
  const write = compileWriter(schema);
  const writer = new AvroWriter(0, { slabs: true });
  return (value) => {
    writer.reset();
    try {
      write(writer, value);
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      return null;
    }
    return writer.finish();
  };
}

function asReference(schema: unknown): (value: unknown) => Buffer | null {
  const type = avroType(schema as never);
  return (value) => {
    try {
      return type.toBuffer(value);
    } catch {
      return null;
    }
  };
}

describe.each(viewKinds)('an entry of %s', (kind) => {
  const schema = viewSchemas[kind];
  const ours = written(schema);
  const reference = asReference(schema);

  test.each([false, true])('is written, or refused, as the reference library does; with wrong members: %s', (wrong) => {
    fc.assert(
      fc.property(valueOf(schema as Schema, wrong), (value) => {
        expect(ours(value)?.toString('hex')).toBe(reference(value)?.toString('hex'));
      }),
      { numRuns: 150 },
    );
  });
});

test('what no schema of ours has is refused when it is compiled', () => {
  expect(() => compileWriter(['null', 'string', 'int'])).toThrow('a union of other than null and one type');
  expect(() => compileWriter({ type: 'map', values: 'string' })).toThrow('not known here: map');
});
