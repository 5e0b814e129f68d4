import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Row } from '@millrace/schemas/cdc';
import { hours, minutes } from '../../operators/index.ts';
import { ProcessorDriver, deleteFrom, insertInto, read, truncate, update } from '../../testing/index.ts';
import type { TestRow } from '../../testing/index.ts';
import { carts } from './index.ts';

const cart = (id: string, atUs: number, more: Row = {}): Row => ({
  ...{ cart_id: id, customer_id: 'k', status: 'active', created_at: atUs, updated_at: atUs },
  ...more,
});
const item = (id: string, productId: string, quantity: number, atUs: number): Row => ({
  ...{ cart_id: id, product_id: productId, variant_id: productId, quantity, created_at: atUs, updated_at: atUs },
});
const itemKey = (id: string, productId: string): Row => ({ cart_id: id, product_id: productId, variant_id: productId });

test('a cart follows its rows and goes with them', async () => {
  const driver = await ProcessorDriver.open(carts);
  const at = driver.nowUs;
  await driver.commit(insertInto('carts', cart('c', at)), insertInto('cart_items', item('c', 'q', 2, at)));
  await driver.commit(insertInto('cart_items', item('c', 'p', 1, at)));
  expect(driver.get('cart', 'c')).toEqual({
    ...{ tenantId: '00000000-0000-7000-8000-000000000001', cartId: 'c', customerId: 'k', status: 'active', units: 3 },
    items: [
      { productId: 'p', variantId: 'p', quantity: 1 },
      { productId: 'q', variantId: 'q', quantity: 2 },
    ],
    ...{ createdAt: '2026-01-01T00:00:00.000Z', lastActivityAt: '2026-01-01T00:00:00.000Z', abandonedAt: null },
  });
  await driver.commit(
    deleteFrom('cart_items', itemKey('c', 'q')),
    update('carts', cart('c', at, { status: 'ordered' })),
  );
  expect(driver.get('cart', 'c')).toMatchObject({ status: 'ordered', units: 1 });
  await driver.commit(deleteFrom('cart_items', itemKey('c', 'p')), deleteFrom('carts', { cart_id: 'c' }));
  expect(driver.get('cart', 'c')).toBeUndefined();
  await driver.commit(insertInto('carts', cart('d', at)), insertInto('cart_items', item('d', 'p', 1, at)));
  await driver.commit(truncate('cart_items'), truncate('carts'));
  expect(driver.view('cart')).toEqual(new Map());
});

test('a cart is abandoned after a day without a row, once, over a restart, until something happens to it', async () => {
  const driver = await ProcessorDriver.open(carts);
  const at = driver.nowUs;
  await driver.commit(insertInto('carts', cart('c', at)), insertInto('cart_items', item('c', 'p', 1, at)));
  await driver.commit(insertInto('carts', cart('empty', at)));
  await driver.pass(hours(23));
  // Read again, it is no activity.
  await driver.commit(read('carts', cart('c', at)), read('cart_items', item('c', 'p', 1, at)));
  await driver.restart();
  await driver.pass(minutes(59));
  expect(driver.get('cart', 'c')?.abandonedAt).toBeNull();
  await driver.pass(minutes(1));
  expect(driver.get('cart', 'c')?.abandonedAt).toBe('2026-01-02T00:00:00.000Z');
  const told = driver.history('cart', 'c').length;
  await driver.pass(hours(48));
  expect(driver.history('cart', 'c')).toHaveLength(told);
  expect(driver.get('cart', 'empty')?.abandonedAt).toBeNull();

  await driver.commit(update('cart_items', item('c', 'p', 2, driver.nowUs)));
  expect(driver.get('cart', 'c')?.abandonedAt).toBeNull();
  await driver.pass(hours(12));
  await driver.commit(insertInto('cart_items', item('c', 'q', 1, driver.nowUs)));
  await driver.pass(hours(12));
  await driver.commit(deleteFrom('cart_items', itemKey('c', 'q')));
  await driver.pass(hours(23));
  expect(driver.get('cart', 'c')?.abandonedAt).toBeNull();
  await driver.pass(hours(1));
  expect(driver.get('cart', 'c')).toMatchObject({ units: 2, abandonedAt: '2026-01-06T00:00:00.000Z' });
  expect(await driver.replay()).toEqual([]);
});

test('which carts are abandoned is what the tables and the time say, whatever came and was killed in between', async () => {
  const steps = fc.array(
    fc.record({
      what: fc.constantFrom('put', 'put', 'remove', 'order', 'pass', 'pass', 'restart'),
      cart: fc.nat(2),
      product: fc.nat(1),
      hours: fc.integer({ min: 1, max: 30 }),
    }),
    { maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const driver = await ProcessorDriver.open(carts, { partitions: 2 });
      const tables = new Map<string, { open: boolean; items: Set<string>; atUs: number }>();
      for (const { what, cart: number, product, hours: h } of history) {
        const id = `c${number}`;
        const held = tables.get(id) ?? { open: true, items: new Set<string>(), atUs: 0 };
        const rows: TestRow[] = [];
        const now = driver.nowUs;
        if (what === 'pass') await driver.pass(hours(h));
        else if (what === 'restart') await driver.restart();
        else if (what === 'put') {
          rows.push(update('carts', cart(id, now)), update('cart_items', item(id, `p${product}`, 1, now)));
          held.items.add(`p${product}`);
          held.open = true;
        } else if (what === 'order') {
          rows.push(update('carts', cart(id, now, { status: 'ordered' })));
          held.open = false;
        } else if (held.items.delete(`p${product}`)) rows.push(deleteFrom('cart_items', itemKey(id, `p${product}`)));
        if (rows.length > 0) {
          tables.set(id, { ...held, atUs: now });
          await driver.commit(...rows);
        }
        const left = [...tables].flatMap(([key, { open, items, atUs }]) =>
          open && items.size > 0 && driver.nowUs - atUs >= hours(24) ? [key] : [],
        );
        const shown = [...driver.view('cart')].flatMap(([key, { abandonedAt }]) => (abandonedAt === null ? [] : [key]));
        expect(shown).toEqual(left.sort());
      }
      expect(await driver.replay()).toEqual([]);
    }),
    { numRuns: 40 },
  );
});
