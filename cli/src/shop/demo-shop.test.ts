import { describe, expect, jest, test } from '@jest/globals';
import { demoShop } from './demo-shop.ts';
import type { Row } from './rows.ts';
import { readSource } from './source.ts';
import { sourceTotals } from './source-totals.ts';

// Reads and maps the whole source: a second or two of work, more on a busy machine.
jest.setTimeout(60_000);

const lines = readSource();
const shop = demoShop('a seed', lines);
const rowsOf = (table: string) =>
  shop.catalog.flatMap((tables) => tables.filter(([name]) => name === table)).flatMap(([, rows]) => rows);
const cents = (value: unknown) => Math.round(Number(value) * 100);
const sum = (rows: readonly Row[], column: string) => rows.reduce((total, row) => total + cents(row[column]), 0);

describe('the demo shop', () => {
  test('is the same in every replay, and another with another seed', () => {
    const part = lines.slice(0, 1500);
    const digest = (seed: string) => JSON.stringify(demoShop(seed, part));
    const once = digest('a seed');
    expect(digest('a seed')).toBe(once);
    expect(digest('another')).not.toBe(once);
  });

  test('has all that the source has', () => {
    expect(lines).toHaveLength(9994);
    expect(shop.orders).toHaveLength(5009);
    expect(shop.orders.flatMap((order) => order.order_items)).toHaveLength(9994);
    expect(rowsOf('customers')).toHaveLength(793);
    expect(rowsOf('products')).toHaveLength(1862);
    expect(rowsOf('categories').filter((row) => row['parent_id'] === null)).toHaveLength(3);
    expect(rowsOf('categories').filter((row) => row['parent_id'] !== null)).toHaveLength(17);
  });

  test('gives every row an id of its own, in version 7’s shape', () => {
    const ids = [
      ...rowsOf('products').map((row) => row['product_id']),
      ...rowsOf('customers').map((row) => row['customer_id']),
      ...rowsOf('addresses').map((row) => row['address_id']),
      ...shop.orders.map(({ order }) => order['order_id']),
      ...shop.orders.flatMap((order) => order.order_items.map((row) => row['item_id'])),
      ...shop.orders.flatMap((order) => order.order_status_history.map((row) => row['history_id'])),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(
      ids.filter((id) => !/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id as string)),
    ).toEqual([]);
  });

  test('places orders one after the other', () => {
    const times = shop.orders.map(({ order }) => order['placed_at'] as string);
    expect(times).toEqual([...new Set(times)].sort());
  });

  test('keeps the amounts of each order and line consistent', () => {
    const wrong = shop.orders.filter(
      ({ order, order_items }) =>
        cents(order['total_amount']) !== sum(order_items, 'total_price') ||
        order_items.some(
          (row) =>
            cents(row['total_price']) !==
              Number(row['quantity']) * cents(row['unit_price']) - cents(row['discount_amount']) ||
            cents(row['discount_amount']) < 0,
        ),
    );
    expect(wrong).toEqual([]);
  });

  test('walks each order’s status forward in time, as far as paid at least', () => {
    for (const { order, order_status_history: history } of shop.orders) {
      const times = history.map((row) => row['at'] as string);
      expect(times).toEqual([...new Set(times)].sort());
      expect(history.length).toBeGreaterThanOrEqual(3);
      expect(history.at(-1)?.['to_status']).toBe(order['status']);
      expect(history.map((row) => row['from_status'])).toEqual([
        null,
        ...history.slice(0, -1).map((row) => row['to_status']),
      ]);
    }
    expect(new Set(shop.orders.map(({ order }) => order['status']))).toEqual(
      new Set(['delivered', 'shipped', 'fulfilling']),
    );
  });

  test('never sells more than a warehouse has', () => {
    const key = (row: Row) => `${row['variant_id'] as string}/${row['warehouse_id'] as string}`;
    const level = new Map(rowsOf('inventory').map((row) => [key(row), Number(row['quantity'])]));
    for (const row of shop.orders.flatMap((order) => order.stock)) {
      level.set(key(row), (level.get(key(row)) ?? NaN) - Number(row['quantity']));
    }
    expect([...level.values()].filter((quantity) => !(quantity >= 0))).toEqual([]);
    expect([...level.values()].filter((quantity) => quantity === 0).length).toBeGreaterThan(20);
  });

  test('sells what the source’s totals say', () => {
    const totals = sourceTotals(lines);
    expect(totals.total).toEqual({ revenue: '2297201.07', units: 37873, orders: 5009 });
    const items = shop.orders.flatMap((order) => order.order_items);
    expect(sum(items, 'total_price')).toBe(cents(totals.total.revenue));
    expect(totals.byMonth).toHaveLength(48);
    expect(totals.byMonthAndSubCategory.reduce((all, row) => all + cents(row.revenue), 0)).toBe(
      cents(totals.total.revenue),
    );
  });
});
