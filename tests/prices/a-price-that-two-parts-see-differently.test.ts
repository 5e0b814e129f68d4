import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { effectivePriceLateral } from '@millrace/api/database';
import { expectedDocuments } from '@millrace/cli/verify';
import { createTestDatabase } from '@millrace/database/testing';
import type { TestDatabase } from '@millrace/database/testing';
import { pricing } from '@millrace/stream-processors/processors';
import { TestRoad, seeded } from '@millrace/stream-processors/testing';
import type { TestRow } from '@millrace/stream-processors/testing';

/**
 * Three parts know what a price is: the pricing processor, the API (which sells at it) and verify (which checks it). Each says it in its own words;
 * here all three are asked about the same random shop.
 */
let database: TestDatabase;
let sql: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
}, 60_000);

afterAll(async () => {
  await sql.end();
  await database.drop();
});

const PRODUCTS = 120;
const minute = 60_000_000;
const nowUs = Date.now() * 1000;
const pick = seeded(20_261);
const uuid = (kind: number, n: number): string =>
  `00000000-0000-7000-8${String(kind).padStart(3, '0')}-${String(n).padStart(12, '0')}`;
const cents = (most: number): string => ((1 + pick(most)) / 100).toFixed(2);
const oneOf = <T>(...values: readonly [T, ...T[]]): T => values[pick(values.length)] ?? values[0];
/** Some over, some to come, most in force. */
const period = () => {
  const from = nowUs + (pick(100) - 80) * minute;
  return { valid_from: from, valid_to: pick(2) === 0 ? null : from + (1 + pick(120)) * minute };
};

type Rows = readonly [table: string, rows: readonly TestRow['row'][]][];

function shop(): Rows {
  const products = Array.from({ length: PRODUCTS }, (_, n) => n);
  return [
    [
      'categories',
      products
        .slice(0, 12)
        .map((n) => ({ category_id: uuid(1, n), parent_id: n < 2 ? null : uuid(1, pick(n)), name: `c${n}` })),
    ],
    ['vendors', [0, 1, 2].map((n) => ({ vendor_id: uuid(2, n), name: `v${n}` }))],
    ['tags', [0, 1, 2].map((n) => ({ tag_id: uuid(3, n), name: `t${n}` }))],
    [
      'products',
      products.map((n) => ({
        product_id: uuid(4, n),
        sku: `s${n}`,
        name: `p${n}`,
        status: 'active',
        category_id: pick(8) === 0 ? null : uuid(1, pick(12)),
        vendor_id: pick(4) === 0 ? null : uuid(2, pick(3)),
        base_price: pick(20) === 0 ? '0.01' : cents(100_000),
        currency: oneOf('EUR', 'EUR', 'JPY'),
        attributes: '{}',
      })),
    ],
    [
      'product_variants',
      products.flatMap((n) =>
        [n, ...(pick(3) === 0 ? [n + 1000] : [])].map((v) => ({
          product_id: uuid(4, n),
          variant_id: uuid(4, v),
          sku: `s${v}`,
          attributes: '{}',
        })),
      ),
    ],
    [
      'product_tags',
      products.flatMap((n) => (pick(2) === 0 ? [{ product_id: uuid(4, n), tag_id: uuid(3, pick(3)) }] : [])),
    ],
    [
      'prices',
      products.flatMap((n) =>
        pick(3) > 0
          ? []
          : [0, 1].map((at) => ({
              product_id: uuid(4, n),
              price_id: uuid(5, n * 2 + at),
              variant_id: pick(2) === 0 ? uuid(4, n) : null,
              amount: cents(50_000),
              currency: 'EUR',
              ...period(),
            })),
      ),
    ],
    [
      'price_rules',
      products.slice(0, 40).map((n) => {
        const scope = oneOf('category', 'vendor', 'tag', 'product');
        const scope_id = {
          category: uuid(1, pick(12)),
          vendor: uuid(2, pick(3)),
          tag: uuid(3, pick(3)),
          product: uuid(4, pick(PRODUCTS)),
        };
        const kind = oneOf('percent', 'amount', 'fixed');
        return {
          rule_id: uuid(6, n),
          scope,
          scope_id: scope_id[scope],
          kind,
          value: kind === 'percent' ? cents(9_900) : cents(40_000),
          priority: pick(4),
          active: pick(5) > 0,
          ...period(),
        };
      }),
    ],
  ];
}

const times = new Set(['valid_from', 'valid_to']);
const asSql = (row: TestRow['row']) =>
  Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      times.has(column) && typeof value === 'number'
        ? new Date(value / 1000).toISOString()
        : column === 'attributes'
          ? {}
          : value,
    ]),
  );

test('processor, API and verify give every variant the same price', async () => {
  const rows = shop();
  const road = await TestRoad.open();
  await road.start(pricing);
  const made = { created_at: nowUs, updated_at: nowUs };
  await road.source.commit(
    10n,
    nowUs,
    rows.flatMap(([table, list]) => list.map((row): TestRow => ({ table, op: 'c', row: { ...row, ...made } }))),
  );
  await road.settle();

  await sql.query('begin');
  for (const [table, list] of rows) {
    const columns = Object.keys(list[0] ?? {}).join(', ');
    await sql.query(
      `insert into commerce.${table} (${columns}) select ${columns} from json_populate_recordset(null::commerce.${table}, $1)`,
      [JSON.stringify(list.map(asSql))],
    );
  }
  await sql.query('commit');
  const ids = Array.from({ length: PRODUCTS }, (_, n) => uuid(4, n));
  const expected = await expectedDocuments(sql, 'price', ids, new Date(nowUs / 1000));
  const sold = await sql.query<{ id: string; variant: string; amount: string; currency: string; rule: string | null }>(
    `select p.product_id::text as id, v.variant_id::text as variant, price.amount::text, price.currency, price.rule_id::text as rule
     from commerce.products p join commerce.product_variants v using (product_id) join ${effectivePriceLateral} on true`,
  );

  let ruled = 0;
  for (const id of ids) {
    const view = road.latest('views.pricing', 'price', id);
    const shown = Object.fromEntries(view?.variants.map((one) => [one.variantId, [one.amount, one.currency]]) ?? []);
    const own = sold.rows.filter((row) => row.id === id);
    expect([id, Object.fromEntries(own.map((row) => [row.variant, [row.amount, row.currency]]))]).toEqual([id, shown]);
    expect(Object.fromEntries(own.map((row) => [row.variant, row.rule]))).toEqual(
      Object.fromEntries(view?.variants.map((one) => [one.variantId, one.ruleId]) ?? []),
    );
    expect(expected.get(id)).toMatchObject({ amount: view?.amount, currency: view?.currency, variants: shown });
    ruled += own.filter((row) => row.rule !== null).length;
  }
  expect(ruled).toBeGreaterThan(PRODUCTS / 3);
}, 60_000);
