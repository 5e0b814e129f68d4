import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { envelopeSchema } from '../cdc/index.ts';
import { shopRelation, shopRelations } from '../testing/index.ts';
import { capturedTables } from '../topics/index.ts';
import { fullName, incompatibility } from './check.ts';
import { currentSchemas } from './current.ts';
import { goldenVersions, sameSchema, writeGolden } from './goldens.ts';

const WRITE = 'run `npm run schemas:write` (with `npm run test:engines` up) and commit schemas/avro';
const schemas = currentSchemas(shopRelations());

describe('schemas in use', () => {
  test('every captured table has its golden schema', () => {
    const known = new Set(shopRelations().map(({ table }) => table));
    const missing = capturedTables.filter(({ table }) => !known.has(table)).map(({ table }) => table);
    if (missing.length > 0) throw new Error(`no golden schema of ${missing.join(', ')}: ${WRITE}`);
  });

  test.each(schemas.map((schema) => [fullName(schema), schema] as const))(
    '%s is its newest golden version and reads all older ones',
    (name, schema) => {
      const versions = goldenVersions(name);
      if (!sameSchema(versions.at(-1), schema)) throw new Error(`${name} has changed: ${WRITE}`);
      const problems = versions.flatMap((newer, i) =>
        versions.slice(0, i).map((older, j) => {
          const reason = incompatibility(newer, older);
          return reason && `${name} version ${i + 1} cannot read version ${j + 1}: ${reason}`;
        }),
      );
      expect(problems.filter((problem) => problem !== null)).toEqual([]);
    },
  );
});

describe('the check itself', () => {
  const products = shopRelation('products');
  const columns = [...products.columns];
  const changed = (other: typeof columns) => envelopeSchema({ ...products, columns: other });
  const added = { name: 'colour', typeOid: 25, key: false };

  test('adding and dropping a column is compatible', () => {
    expect(incompatibility(changed([...columns, added]), changed(columns))).toBeNull();
    expect(incompatibility(changed(columns.slice(0, -1)), changed(columns))).toBeNull();
  });

  test('a column that changes its type is caught', () => {
    const retyped = columns.map((column) => (column.name === 'sku' ? { ...column, typeOid: 23 } : column));
    expect(incompatibility(changed(retyped), changed(columns))).not.toBeNull();
  });

  test('a new field without a default is caught', () => {
    const schema = (fields: unknown[]) => ({ type: 'record', name: 'R', fields });
    const a = { name: 'a', type: 'string' };
    expect(incompatibility(schema([a, { name: 'b', type: 'string' }]), schema([a]))).not.toBeNull();
    expect(incompatibility(schema([a, { name: 'b', type: 'string', default: '' }]), schema([a]))).toBeNull();
  });

  test('a changed schema becomes a new version, an unchanged one does not', () => {
    const folder = mkdtempSync(join(tmpdir(), 'goldens-'));
    try {
      const first = envelopeSchema(products) as never;
      expect([writeGolden(first, folder), writeGolden(first, folder)]).toEqual([1, null]);
      expect(writeGolden(changed([...columns, added]) as never, folder)).toBe(2);
      expect(goldenVersions('commerce.products.Envelope', folder)).toHaveLength(2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
