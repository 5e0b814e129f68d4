import { seeded } from '../simulation/chance.ts';
import type { TestRow } from './source.ts';

export interface TestCommit {
  readonly lsn: bigint;
  readonly tsUs: number;
  readonly rows: readonly TestRow[];
}

const second = 1_000_000;
const start = 1_700_000_000 * second;

/** A shop's history: products come, change and go; prices begin and end; stock moves; categories are renamed and moved. */
export function shopHistory(seed: number, commits: number, products = 5): TestCommit[] {
  const pick = seeded(seed);
  const alive = new Set<string>();
  let tsUs = start;
  const history: TestCommit[] = [];
  for (let at = 0; at < commits; at++) {
    tsUs += pick(20) * second - 2 * second;
    const rows: TestRow[] = at === 0 ? reference() : [];
    for (let n = 1 + pick(4); n > 0; n--) rows.push(...someRows(pick, alive, products, tsUs));
    history.push({ lsn: BigInt(1000 + at * 10), tsUs, rows });
  }
  return history;
}

function reference(): TestRow[] {
  return [
    { table: 'categories', op: 'c', row: { category_id: 'c0', parent_id: null, name: 'All' } },
    { table: 'categories', op: 'c', row: { category_id: 'c1', parent_id: 'c0', name: 'Chairs' } },
    { table: 'tags', op: 'c', row: { tag_id: 't0', name: 'colour' } },
    { table: 'vendors', op: 'c', row: { vendor_id: 'v0', name: 'Acme' } },
  ];
}

function someRows(pick: (below: number) => number, alive: Set<string>, products: number, tsUs: number): TestRow[] {
  const id = `p${pick(products)}`;
  const keys = { product_id: id, variant_id: id };
  if (!alive.has(id)) {
    alive.add(id);
    const times = { created_at: tsUs, updated_at: tsUs };
    const head = { sku: `s-${id}`, name: `Product ${id}`, status: 'active', category_id: 'c1', vendor_id: 'v0' };
    const price = { base_price: `${10 + pick(90)}.00`, currency: 'USD', attributes: '{}' };
    return [
      { table: 'products', op: 'c', row: { product_id: id, ...head, ...price, ...times } },
      { table: 'product_variants', op: 'c', row: { ...keys, sku: `s-${id}`, attributes: '{}' } },
    ];
  }
  switch (pick(8)) {
    case 0:
      return [{ table: 'categories', op: 'u', row: { category_id: 'c1', parent_id: 'c0', name: `Chairs ${pick(9)}` } }];
    case 1:
      return [{ table: 'product_tags', op: 'c', row: { product_id: id, tag_id: 't0', value: `red ${pick(5)}` } }];
    case 2: {
      const from = tsUs + (pick(60) - 10) * second;
      const row = { product_id: id, price_id: `r${pick(3)}`, amount: `${1 + pick(50)}.50`, currency: 'USD' };
      return [
        { table: 'prices', op: 'u', row: { ...row, valid_from: from, valid_to: from + (1 + pick(60)) * second } },
      ];
    }
    case 3:
      if (pick(3) > 0) return [{ table: 'prices', op: 'd', row: { product_id: id, price_id: `r${pick(3)}` } }];
      alive.delete(id);
      return [
        { table: 'products', op: 'd', row: { product_id: id } },
        { table: 'product_variants', op: 'd', row: keys },
        { table: 'inventory', op: 'd', row: { ...keys, warehouse_id: 'w0' } },
        { table: 'product_tags', op: 'd', row: { product_id: id, tag_id: 't0' } },
        ...['r0', 'r1', 'r2'].map((price_id): TestRow => ({
          table: 'prices',
          op: 'd',
          row: { product_id: id, price_id },
        })),
      ];
    case 4: {
      const review = { product_id: id, review_id: `v${pick(4)}`, rating: 1 + pick(5), status: 'published' };
      return [{ table: 'reviews', op: 'u', row: review }];
    }
    default: {
      const levels = { quantity: 5 + pick(30), reserved: pick(5), low_stock_threshold: 10 };
      return [{ table: 'inventory', op: 'u', row: { ...keys, warehouse_id: 'w0', ...levels } }];
    }
  }
}
