import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Row } from '@millrace/schemas/cdc';
import type { SaleDeltaView } from '@millrace/schemas/views';
import { amountText, hundredths } from '../../fields/index.ts';
import { ProcessorDriver, deleteFrom, insertInto, read, truncate, update } from '../../testing/index.ts';
import type { TestRow } from '../../testing/index.ts';
import { sales } from './index.ts';

const order = (id: string, more: Row = {}): Row => ({
  ...{ order_id: id, order_number: id, customer_id: 'k', status: 'pending', currency: 'EUR', placed_at: 1_000_000 },
  ...{ subtotal: '0.00', discount_amount: '0.00', tax_amount: '0.00', shipping_amount: '0.00', total_amount: '0.00' },
  ...more,
});
const line = (orderId: string, itemId: string, more: Row = {}): Row => ({
  ...{ order_id: orderId, item_id: itemId, product_id: 'p', variant_id: 'p', vendor_id: 'v', name: 'Chair' },
  ...{ quantity: 2, unit_price: '10.00', total_price: '20.00' },
  ...more,
});
const product = (id: string, category: string): Row => ({
  ...{ product_id: id, sku: id, name: id, status: 'active', base_price: '10.00', currency: 'EUR' },
  ...{ category_id: category, vendor_id: 'v' },
});
const shop = [
  insertInto('vendors', { vendor_id: 'v', name: 'Acme' }),
  insertInto('categories', { category_id: 'c', name: 'Chairs' }),
  insertInto('categories', { category_id: 'd', name: 'Desks' }),
  insertInto('products', product('p', 'c')),
];

const deltas = (driver: ProcessorDriver) =>
  [...driver.view('sale')].map(([id, { reason, lines, quantity, amount, category }]) => [
    id,
    reason,
    lines,
    quantity,
    amount,
    category,
  ]);

test('a line that is sold, changed, called off and removed: signed deltas that add up, each once', async () => {
  const driver = await ProcessorDriver.open(sales);
  await driver.commit(...shop);
  await driver.commit(insertInto('orders', order('o')), insertInto('order_items', line('o', 'i')));
  expect([...driver.view('sale').values()]).toEqual([
    expect.objectContaining({
      ...{ productId: 'p', categoryId: 'c', category: 'Chairs', vendorId: 'v', vendor: 'Acme', customerId: 'k' },
      ...{ currency: 'EUR', placedAt: '1970-01-01T00:00:01.000Z', at: '2026-01-01T00:00:00.000Z' },
    }),
  ]);
  await driver.commit(update('order_items', line('o', 'i', { quantity: 3, total_price: '30.50' })));
  await driver.restart();
  await driver.commit(
    read('orders', order('o')),
    read('order_items', line('o', 'i', { quantity: 3, total_price: '30.50' })),
  );
  await driver.commit(update('orders', order('o', { status: 'paid' })));
  await driver.commit(update('orders', order('o', { status: 'cancelled' })));
  await driver.commit(update('orders', order('o', { status: 'paid' })));
  await driver.commit(
    deleteFrom('order_items', { order_id: 'o', item_id: 'i' }),
    deleteFrom('orders', { order_id: 'o' }),
  );
  const id = (lsn: number) => `o/i/${String(lsn).padStart(20, '0')}`;
  expect(deltas(driver)).toEqual([
    [id(1020), 'sold', 1, 2, '20.00', 'Chairs'],
    [id(1030), 'changed', 0, 1, '10.50', 'Chairs'],
    [id(1060), 'cancelled', -1, -3, '-30.50', 'Chairs'],
    [id(1070), 'sold', 1, 3, '30.50', 'Chairs'],
    [id(1080), 'removed', -1, -3, '-30.50', 'Chairs'],
  ]);
  expect(await driver.replay()).toEqual([]);
});

test('what was sold stays where it was counted, however the product changes later', async () => {
  const driver = await ProcessorDriver.open(sales, { partitions: 2 });
  await driver.commit(...shop);
  await driver.commit(insertInto('orders', order('o')), insertInto('order_items', line('o', 'i')));
  await driver.commit(update('products', product('p', 'd')), update('vendors', { vendor_id: 'v', name: 'Acme Ltd' }));
  await driver.commit(update('order_items', line('o', 'i', { quantity: 1, total_price: '10.00' })));
  await driver.commit(insertInto('orders', order('q')), insertInto('order_items', line('q', 'i')));
  await driver.commit(
    deleteFrom('products', { product_id: 'p' }),
    update('orders', order('o', { status: 'cancelled' })),
  );
  expect(deltas(driver).map(([, ...said]) => said)).toEqual([
    ['sold', 1, 2, '20.00', 'Chairs'],
    ['changed', 0, -1, '-10.00', 'Chairs'],
    ['cancelled', -1, -1, '-10.00', 'Chairs'],
    ['sold', 1, 2, '20.00', 'Desks'],
  ]);
});

test('under another product, currency or day all of the old is taken back and all of the new added', async () => {
  const driver = await ProcessorDriver.open(sales);
  await driver.commit(...shop, insertInto('products', product('r', 'd')));
  await driver.commit(insertInto('orders', order('o')), insertInto('order_items', line('o', 'i')));
  await driver.commit(update('order_items', line('o', 'i', { product_id: 'r', variant_id: 'r' })));
  await driver.commit(update('orders', order('o', { currency: 'USD' })));
  const said = [...driver.view('sale').values()].map(({ productId, currency, amount }) => [
    productId,
    currency,
    amount,
  ]);
  expect(said).toEqual([
    ['p', 'EUR', '20.00'],
    ['r', 'EUR', '20.00'],
    ['p', 'EUR', '-20.00'],
    ['r', 'USD', '20.00'],
    ['r', 'EUR', '-20.00'],
  ]);
});

test('a line whose product the log only tells later is counted at once, and moved when it does', async () => {
  const driver = await ProcessorDriver.open(sales);
  await driver.commit(insertInto('orders', order('o')), insertInto('order_items', line('o', 'i')));
  await driver.restart();
  await driver.commit(...shop);
  await driver.commit(update('products', product('p', 'd')));
  expect(deltas(driver).map(([, , ...said]) => said)).toEqual([
    [1, 2, '20.00', null],
    [1, 2, '20.00', 'Chairs'],
    [-1, -2, '-20.00', null],
  ]);
});

test('a truncate takes everything back', async () => {
  const driver = await ProcessorDriver.open(sales, { partitions: 2 });
  await driver.commit(...shop);
  for (const id of ['o', 'q'])
    await driver.commit(insertInto('orders', order(id)), insertInto('order_items', line(id, 'i')));
  await driver.commit(truncate('order_items'), truncate('orders'), truncate('products'));
  expect(sumsOf([...driver.view('sale').values()])).toEqual(new Map());
});

const key = (...parts: readonly unknown[]): string => parts.join(' ');

/** Sums by everything a sale is counted under; what is nothing is left out. */
function sumsOf(entries: readonly SaleDeltaView[]): Map<string, string> {
  const sums = new Map<string, [lines: number, quantity: number, cents: number]>();
  for (const { orderId, itemId, productId, category, currency, lines, quantity, amount } of entries) {
    const at = key(orderId, itemId, productId, category, currency);
    const [a, b, c] = sums.get(at) ?? [0, 0, 0];
    sums.set(at, [a + lines, b + quantity, c + hundredths(amount)]);
  }
  const present = [...sums].filter(([, sum]) => sum.some((part) => part !== 0));
  return new Map(present.map(([at, [a, b, c]]) => [at, key(a, b, amountText(c))]));
}

const step = fc.record({
  what: fc.constantFrom(
    'line',
    'line',
    'line',
    'remove',
    'status',
    'currency',
    'delete',
    'product',
    'restart',
    'compact',
  ),
  order: fc.nat(2),
  item: fc.nat(2),
  product: fc.nat(2),
  quantity: fc.integer({ min: 1, max: 9 }),
  choice: fc.nat(2),
});

test('at every position ever emitted the deltas add up to the tables, under the category each line was first sold in', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const driver = await ProcessorDriver.open(sales, { partitions: 3 });
      const tables = new Tables();
      await driver.commit(...tables.begin());
      const seen: [bigint, Map<string, string>][] = [];
      for (const { what, ...at } of steps) {
        if (what === 'restart') await driver.restart();
        else if (what === 'compact') driver.compact();
        else seen.push([await driver.commit(...tables.change(what, at)), tables.sold()]);
      }
      for (const [lsn, sold] of seen) expect(sumsOf([...driver.view('sale', lsn).values()])).toEqual(sold);
      expect(await driver.replay()).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

interface Held {
  readonly product: string;
  readonly quantity: number;
  readonly category: string;
}

/** The tables as plain maps: what is sold, computed without a stream. */
class Tables {
  readonly #categories = new Map<string, string>();
  readonly #orders = new Map<string, { status: string; currency: string; items: Map<string, Held> }>();

  begin(): TestRow[] {
    const names = ['0', '1', '2'];
    for (const n of names) this.#categories.set(`p${n}`, 'C0');
    return [
      insertInto('vendors', { vendor_id: 'v', name: 'Acme' }),
      ...names.map((n) => insertInto('categories', { category_id: `c${n}`, name: `C${n}` })),
      ...names.map((n) => insertInto('products', product(`p${n}`, 'c0'))),
    ];
  }

  change(
    what: string,
    at: { order: number; item: number; product: number; quantity: number; choice: number },
  ): TestRow[] {
    if (what === 'product') {
      this.#categories.set(`p${at.product}`, `C${at.choice}`);
      return [update('products', product(`p${at.product}`, `c${at.choice}`))];
    }
    const id = `o${at.order}`;
    const held = this.#orders.get(id) ?? { status: 'pending', currency: 'EUR', items: new Map<string, Held>() };
    if (what === 'delete') {
      this.#orders.delete(id);
      const items = [...held.items.keys()].map((item) => deleteFrom('order_items', { order_id: id, item_id: item }));
      return [...items, deleteFrom('orders', { order_id: id })];
    }
    this.#orders.set(id, held);
    if (what === 'status') held.status = ['pending', 'paid', 'cancelled'][at.choice] ?? 'pending';
    if (what === 'currency') held.currency = at.choice === 0 ? 'EUR' : 'USD';
    const head = update('orders', order(id, { status: held.status, currency: held.currency }));
    const item = `i${at.item}`;
    if (what === 'remove') {
      held.items.delete(item);
      return [head, deleteFrom('order_items', { order_id: id, item_id: item })];
    }
    if (what !== 'line') return [head];
    const productId = `p${at.product}`;
    const before = held.items.get(item);
    const category = before?.product === productId ? before.category : (this.#categories.get(productId) ?? '');
    held.items.set(item, { product: productId, quantity: at.quantity, category });
    const amounts = { quantity: at.quantity, total_price: `${at.quantity}.50` };
    return [update('order_items', line(id, item, { product_id: productId, variant_id: productId, ...amounts })), head];
  }

  sold(): Map<string, string> {
    const sums = new Map<string, string>();
    for (const [id, { status, currency, items }] of this.#orders) {
      if (status === 'cancelled') continue;
      for (const [item, { product: productId, quantity, category }] of items) {
        sums.set(key(id, item, productId, category, currency), key(1, quantity, `${quantity}.50`));
      }
    }
    return sums;
  }
}
