import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Row } from '@millrace/schemas/cdc';
import { days, hours } from '../../operators/index.ts';
import { ProcessorDriver, deleteFrom, insertInto, read, truncate, update } from '../../testing/index.ts';
import type { TestRow } from '../../testing/index.ts';
import { orders } from '../orders/index.ts';
import { recommendations } from './index.ts';
import { weights } from './weeks.ts';

const order = (id: string, placedAtUs: number, status = 'paid'): TestRow =>
  update('orders', {
    ...{ order_id: id, order_number: id, customer_id: 'k', status, currency: 'EUR', placed_at: placedAtUs },
    ...{ subtotal: '0.00', discount_amount: '0.00', tax_amount: '0.00', shipping_amount: '0.00', total_amount: '0.00' },
  });
const line = (orderId: string, productId: string): Row => ({
  ...{ order_id: orderId, item_id: `i-${productId}`, product_id: productId, variant_id: productId, vendor_id: 'v' },
  ...{ name: productId, quantity: 1, unit_price: '1.00', total_price: '1.00' },
});
const bought = (id: string, placedAtUs: number, ...products: readonly string[]): TestRow[] => [
  order(id, placedAtUs),
  ...products.map((product) => update('order_items', line(id, product))),
];
const opened = (partitions: number) => ProcessorDriver.open([orders, recommendations], { partitions });
const shownOf = (driver: ProcessorDriver, id: string) =>
  driver.get('recommendation', id)?.items.map((item) => [item.productId, item.score, item.orders]);

test('what was bought together counts, the later the more, and is taken back when it is called off', async () => {
  const driver = await opened(3);
  const first = driver.nowUs;
  await driver.commit(...bought('o1', first, 'a', 'b'));
  await driver.commit(...bought('o2', first, 'a', 'b', 'c'));
  expect(shownOf(driver, 'a')).toEqual([
    ['b', 2, 2],
    ['c', 1, 1],
  ]);
  await driver.pass(days(56));
  await driver.restart();
  await driver.commit(...bought('o3', driver.nowUs, 'a', 'c'), ...bought('o4', driver.nowUs, 'd'));
  expect(shownOf(driver, 'a')).toEqual([
    ['c', 1.25, 2],
    ['b', 0.5, 2],
  ]);
  // Nobody has bought it since: what it counts beside has not moved on.
  expect(shownOf(driver, 'b')).toEqual([
    ['a', 2, 2],
    ['c', 1, 1],
  ]);
  expect(shownOf(driver, 'd')).toBeUndefined();
  await driver.commit(order('o3', driver.nowUs, 'cancelled'), deleteFrom('order_items', line('o2', 'b')));
  expect(shownOf(driver, 'a')).toEqual([
    ['b', 1, 1],
    ['c', 1, 1],
  ]);
  await driver.commit(order('o1', first, 'refunded'), order('o2', first, 'returned'));
  expect(driver.view('recommendation')).toEqual(new Map());
  expect(await driver.replay()).toEqual([]);
});

test('nothing is told while time passes, until a year is over, and then without any row changing', async () => {
  const driver = await opened(1);
  await driver.commit(...bought('o1', driver.nowUs, 'a', 'b'));
  await driver.pass(days(357));
  await driver.restart();
  expect([...driver.view('recommendation').keys()]).toEqual(['a', 'b']);
  expect(driver.history('recommendation', 'a')).toHaveLength(1);
  // What changes nothing of the basket changes nothing here.
  await driver.commit(order('o1', driver.nowUs - days(357), 'delivered'));
  expect(driver.history('recommendation', 'a')).toHaveLength(1);
  await driver.pass(days(7));
  expect([...driver.view('recommendation').keys()]).toEqual([]);
  await driver.pass(days(14));
  await driver.commit(...bought('o1', driver.nowUs - days(378), 'a', 'c'));
  expect([...driver.view('recommendation').keys()]).toEqual([]);
  await driver.commit(...bought('o2', driver.nowUs, 'a', 'b'));
  await driver.commit(truncate('order_items'));
  expect([...driver.view('recommendation').keys()]).toEqual([]);
  expect(await driver.replay()).toEqual([]);
});

test('products lose their oldest week each at an hour of its own', async () => {
  const driver = await opened(1);
  // The window of the one begins an hour after the other's: 0x0000 and 0x0001.
  const [one, other] = ['x-0000', 'x-0001'];
  await driver.commit(...bought('o', Date.parse('2026-01-01T00:30:00Z') * 1000, one, other));
  expect(driver.get('recommendation', one)?.asOf).toBe('2026-01-01T00:00:00.000Z');
  expect(driver.get('recommendation', other)?.asOf).toBe('2025-12-25T01:00:00.000Z');
  await driver.pass(days(357) + hours(1));
  expect([...driver.view('recommendation').keys()]).toEqual([one]);
  await driver.pass(days(7));
  expect([...driver.view('recommendation').keys()]).toEqual([]);
});

test('an order of very many products says nothing of taste, and an entry names twelve at most', async () => {
  const driver = await opened(1);
  await driver.commit(...bought('o', driver.nowUs, ...Array.from({ length: 51 }, (_, at) => `p${at}`)));
  expect(driver.view('recommendation').size).toBe(0);
  await driver.commit(deleteFrom('order_items', line('o', 'p50')));
  expect(driver.view('recommendation').size).toBe(50);
  expect(driver.get('recommendation', 'p0')?.items).toHaveLength(12);
});

test('a product that is read again is told again, if there is anything to tell', async () => {
  const driver = await opened(1);
  await driver.commit(...bought('o', driver.nowUs, 'a', 'b'));
  await driver.commit(insertInto('products', { product_id: 'a' }), read('products', { product_id: 'b' }));
  await driver.commit(read('products', { product_id: 'c' }));
  const told = (id: string) => driver.history('recommendation', id).map(({ data }) => data?.items.length);
  expect([told('a'), told('b'), told('c')]).toEqual([[1], [1, 1], []]);
});

test('a purchase is worth half every four weeks', () => {
  expect(weights).toEqual(Array.from({ length: 52 }, (_, age) => Math.round(1_000_000 * 2 ** (-age / 4))));
});

const products = Array.from({ length: 16 }, (_, at) => `p-${at.toString(16).padStart(4, '0')}`);

/** The view made anew, of the orders that stand. */
function expected(
  tables: ReadonlyMap<string, { atUs: number; status: string; items: ReadonlySet<string> }>,
  nowUs: number,
) {
  const hour = hours(1);
  const week = (at: number, us: number) => Math.floor((us - (at % 168) * hour) / (168 * hour));
  const rows = [...tables.values()].filter(({ status, items }) => status !== 'cancelled' && items.size > 1);
  return products.flatMap((id, at) => {
    const counting = rows
      .filter(({ items }) => items.has(id))
      .map(({ atUs, items }) => ({ items, week: week(at, atUs) }))
      .filter((row) => ((row.week + 52) * 168 + (at % 168)) * hour > nowUs);
    const asOf = Math.max(...counting.map((row) => row.week));
    const others = products.flatMap((otherId) => {
      const both = counting.filter(({ items }) => otherId !== id && items.has(otherId));
      const score = both.reduce((sum, row) => sum + Math.round(1_000_000 * 2 ** ((row.week - asOf) / 4)), 0);
      return both.length === 0 ? [] : [{ productId: otherId, score, orders: both.length }];
    });
    others.sort((a, b) => b.score - a.score || b.orders - a.orders || (a.productId < b.productId ? -1 : 1));
    const items = others.slice(0, 12).map((item) => ({ ...item, score: item.score / 1_000_000 }));
    return items.length === 0 ? [] : [[id, items] as const];
  });
}

test('the view is what the orders that stand and the time say, whatever came and was killed in between', async () => {
  const steps = fc.array(
    fc.record({
      what: fc.constantFrom(
        'buy',
        'buy',
        'buy',
        'buy',
        'add',
        'remove',
        'cancel',
        'restore',
        'delete',
        'pass',
        'restart',
      ),
      order: fc.nat(7),
      products: fc.uniqueArray(fc.nat(15), { minLength: 2, maxLength: 14 }),
      days: fc.constantFrom(1, 9, 30, 120, 300),
    }),
    { minLength: 5, maxLength: 40 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const driver = await opened(2);
      const tables = new Map<string, { atUs: number; status: string; items: Set<string> }>();
      for (const step of history) {
        const id = `o${step.order}`;
        const held = tables.get(id);
        const product = products[step.products[0] ?? 0] ?? '';
        const rows: TestRow[] = [];
        if (step.what === 'pass') await driver.pass(days(step.days));
        else if (step.what === 'restart') await driver.restart();
        else if (step.what === 'buy' && held === undefined) {
          const items = new Set(step.products.map((at) => products[at] ?? ''));
          const atUs = driver.nowUs - days(step.days % 7);
          tables.set(id, { atUs, status: 'paid', items });
          rows.push(...bought(id, atUs, ...items));
        } else if (held !== undefined) {
          if (step.what === 'add') rows.push(update('order_items', line(id, product)));
          if (step.what === 'add') held.items.add(product);
          if (step.what === 'remove' && held.items.delete(product))
            rows.push(deleteFrom('order_items', line(id, product)));
          if (step.what === 'cancel') held.status = 'cancelled';
          if (step.what === 'restore') held.status = 'paid';
          if (step.what === 'cancel' || step.what === 'restore') rows.push(order(id, held.atUs, held.status));
          if (step.what === 'delete') {
            tables.delete(id);
            rows.push(...[...held.items].map((one) => deleteFrom('order_items', line(id, one))));
            rows.push(deleteFrom('orders', { order_id: id }));
          }
        }
        if (rows.length > 0) await driver.commit(...rows);
        const shown = [...driver.view('recommendation')].map(([key, { items }]) => [key, items] as const);
        expect(shown).toEqual(expected(tables, driver.nowUs));
      }
      expect(driver.parked()).toEqual([]);
      expect(await driver.replay()).toEqual([]);
    }),
    { numRuns: 25 },
  );
});
