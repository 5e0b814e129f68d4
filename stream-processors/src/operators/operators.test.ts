import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { integer, text } from '../fields/index.ts';
import { ProcessorDriver, deleteFrom, insertInto, read, truncate, update } from '../testing/index.ts';
import type { TestRow, TestTable } from '../testing/index.ts';
import { average, count, definePipeline, distinct, first, highest, lowest, sum, top } from './index.ts';

/** Orders and their items by order, products for everyone. */
export const tables: readonly TestTable[] = [
  { topic: 'cdc.play', table: 'play_orders', key: ['order_id'], columns: { customer: 'text' } },
  {
    topic: 'cdc.play',
    table: 'play_items',
    key: ['order_id', 'item_id'],
    columns: { product: 'text', quantity: 'int', cents: 'int' },
  },
  { topic: 'cdc.reference', table: 'play_products', key: ['product_id'], columns: { category: 'text', name: 'text' } },
];

interface Item {
  readonly order: string;
  readonly product: string;
  readonly quantity: number;
  readonly cents: number;
}
interface Product {
  readonly category: string;
  readonly name: string;
}
interface Views {
  readonly line: { readonly name: string | null; readonly cents: number };
  readonly category: Record<string, unknown>;
  readonly order: { readonly customer: string | null; readonly cents: number; readonly share: number };
}

const pipeline = definePipeline<Views>({ name: 'play', output: 'views.play', stateVersion: 1 }, (flow) => {
  const products = flow.reference<Product>('play_products', {
    key: ['product_id'],
    value: (row) => ({ category: text(row, 'category'), name: text(row, 'name') }),
  });
  const orders = flow.table('cdc.play', 'play_orders', {
    key: ['order_id'],
    value: (row) => ({ customer: text(row, 'customer') }),
  });
  const items = flow.table<Item>('cdc.play', 'play_items', {
    key: ['order_id', 'item_id'],
    value: (row) => ({
      order: text(row, 'order_id'),
      product: text(row, 'product'),
      quantity: integer(row, 'quantity'),
      cents: integer(row, 'cents'),
    }),
  });

  const lines = items.leftJoinOn(
    products,
    ({ product }) => product,
    (item, product) => ({ ...item, product, total: item.cents * item.quantity }),
  );
  lines.toView('line', ({ product, total }) => ({ name: product?.name ?? null, cents: total }));

  lines
    .groupBy(({ product }) => product?.category ?? null)
    .measure({
      lines: count(),
      bulky: count((line) => line.quantity > 2),
      cents: sum((line) => line.total),
      mean: average((line) => line.cents),
      cheapest: lowest((line) => line.cents),
      dearest: highest((line) => line.cents),
      names: distinct((line) => line.product?.name ?? ''),
      best: first((a, b) => b.total - a.total),
      two: top(2, (a, b) => a.total - b.total),
    })
    .toView('category', (category) => category);

  // A diamond: items reach the join on two ways, and none may run ahead of the other.
  const totals = items.groupBy(({ order }) => order).measure({ cents: sum((item) => item.cents * item.quantity) });
  const grand = items.groupBy(() => 'all').measure({ cents: sum((item) => item.cents * item.quantity) });
  totals
    .leftJoinOn(
      grand,
      () => 'all',
      (total, all) => ({ cents: total.cents, share: total.cents - (all?.cents ?? 0) }),
    )
    .fullJoin(orders, (total, order) => ({
      customer: order?.customer ?? null,
      cents: total?.cents ?? 0,
      share: total?.share ?? 0,
    }))
    .toView('order', (order) => order);
});

type Rows = Map<string, Record<string, string | number>>;
interface Tables {
  readonly play_orders: Rows;
  readonly play_items: Rows;
  readonly play_products: Rows;
}
const none = (): Tables => ({ play_orders: new Map(), play_items: new Map(), play_products: new Map() });

/** The same views, computed from scratch. */
function expected({ play_orders, play_items, play_products }: Tables) {
  const line = new Map<string, Views['line']>();
  const groups = new Map<string, { key: string; item: Item; product: Product; total: number }[]>();
  const orders = new Map<string, number>();
  let all = 0;
  for (const [key, row] of play_items) {
    const { order_id, product, quantity, cents } = row as never as Item & { order_id: string };
    const found = play_products.get(product) as Product | undefined;
    const total = quantity * cents;
    line.set(key, { name: found?.name ?? null, cents: total });
    orders.set(order_id, (orders.get(order_id) ?? 0) + total);
    all += total;
    if (found === undefined) continue;
    const item = { order: order_id, product, quantity, cents };
    const product_ = { category: found.category, name: found.name };
    groups.set(found.category, [...(groups.get(found.category) ?? []), { key, item, product: product_, total }]);
  }
  const category = new Map<string, Views['category']>();
  for (const [name, list] of groups) {
    const cents = list.map(({ item }) => item.cents);
    const value = ({ item, product, total }: (typeof list)[number]) => ({ ...item, product, total });
    const byKey = (a: { key: string }, b: { key: string }): number => (a.key < b.key ? -1 : 1);
    category.set(name, {
      lines: list.length,
      bulky: list.filter(({ item }) => item.quantity > 2).length,
      cents: list.reduce((sum, { total }) => sum + total, 0),
      mean: cents.reduce((sum, each) => sum + each, 0) / cents.length,
      cheapest: Math.min(...cents),
      dearest: Math.max(...cents),
      names: [...new Set(list.map(({ product }) => product.name))].sort(),
      best: value([...list].sort((a, b) => b.total - a.total || byKey(a, b))[0]!),
      two: [...list]
        .sort((a, b) => a.total - b.total || byKey(a, b))
        .slice(0, 2)
        .map(value),
    });
  }
  const order = new Map<string, Views['order']>();
  for (const id of new Set([...orders.keys(), ...play_orders.keys()])) {
    const customer = (play_orders.get(id)?.['customer'] as string | undefined) ?? null;
    const cents = orders.get(id) ?? 0;
    order.set(id, { customer, cents, share: orders.has(id) ? cents - all : 0 });
  }
  return { line, category, order };
}

const id = (prefix: string, most: number) => fc.integer({ min: 0, max: most - 1 }).map((n) => `${prefix}${n}`);
const anyRow = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({
        order_id: id('o', 4),
        item_id: id('i', 3),
        product: id('p', 4),
        quantity: fc.integer({ min: 1, max: 4 }),
        cents: fc.integer({ min: 1, max: 5 }),
      })
      .map((row) => ({ table: 'play_items' as const, row })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ order_id: id('o', 4), customer: id('c', 2) })
      .map((row) => ({ table: 'play_orders' as const, row })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ product_id: id('p', 4), category: id('k', 2), name: id('n', 3) })
      .map((row) => ({ table: 'play_products' as const, row })),
  },
);
const keys = { play_items: ['order_id', 'item_id'], play_orders: ['order_id'], play_products: ['product_id'] } as const;
const anyChange = fc.record({
  ...{ what: fc.constantFrom('put', 'put', 'put', 'delete', 'read', 'truncate') },
  on: anyRow,
});
type AnyChange = typeof anyChange extends fc.Arbitrary<infer T> ? T : never;

/** Applies a change to the tables; answers what the capture would tell of it. */
function played(state: Tables, { what, on: { table, row } }: AnyChange, rare: boolean): TestRow | null {
  const rows: Rows = state[table];
  const values: Record<string, string | number> = row;
  const key = keys[table].map((name) => String(values[name])).join('/');
  const held = rows.get(key);
  if (what === 'truncate' && rare) {
    rows.clear();
    return truncate(table);
  }
  if (what === 'delete') return rows.delete(key) ? deleteFrom(table, row) : null;
  if (what === 'read') return held === undefined ? null : read(table, held);
  rows.set(key, values);
  return held === undefined ? insertInto(table, row) : update(table, row);
}

const commits = fc.array(fc.array(anyChange, { maxLength: 5 }), { minLength: 1, maxLength: 25 });

describe('operators', () => {
  test('after every commit the view is what the tables say, whatever changed, went or was read again', async () => {
    await fc.assert(
      fc.asyncProperty(commits, fc.integer({ min: 0, max: 4 }), async (history, restartEvery) => {
        const driver = await ProcessorDriver.open<Views>(pipeline, { tables });
        const state = none();
        for (const [at, changes] of history.entries()) {
          const rows = changes.flatMap((change, n) => played(state, change, (at + n) % 7 === 0) ?? []);
          await driver.commit(...rows);
          const { line, category, order } = expected(state);
          expect(driver.view('line')).toEqual(sorted(line));
          expect(driver.view('category')).toEqual(sorted(category));
          expect(driver.view('order')).toEqual(sorted(order));
          if (restartEvery > 0 && at % (restartEvery * 3) === 0) {
            driver.compact();
            await driver.restart();
          }
        }
        expect(driver.parked()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  test('replays exactly, and tells each key once per commit', async () => {
    await fc.assert(
      fc.asyncProperty(commits, fc.integer(), async (history, seed) => {
        const driver = await ProcessorDriver.open<Views>(pipeline, { tables });
        const state = none();
        for (const changes of history)
          await driver.commit(...changes.flatMap((change) => played(state, change, false) ?? []));
        expect(await driver.replay(seed)).toEqual([]);
        const told = driver.road.written('views.play').map(({ key, entry }) => `${key}@${entry.lsn}`);
        expect(new Set(told).size).toBe(told.length);
      }),
      { numRuns: 15 },
    );
  }, 60_000);
});

const sorted = <T>(map: ReadonlyMap<string, T>): Map<string, T> =>
  new Map([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
