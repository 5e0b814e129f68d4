import { expect, test } from '@jest/globals';
import { exampleOrder, exampleStock } from '@millrace/schemas/testing';
import { comparableOrder, comparableStock } from './comparable.ts';

test('a stock document compares by variant and warehouse, whatever the order of its lists', () => {
  const level = { onHand: 5, reserved: 1, available: 4 };
  const variant = (warehouses: string[]) => ({
    variantId: 'v',
    ...level,
    warehouses: warehouses.map((warehouseId) => ({ warehouseId, ...level })),
  });
  const stock = (warehouses: string[]) => comparableStock(exampleStock({ variants: [variant(warehouses)] }));
  expect(stock(['a', 'b'])).toEqual(stock(['b', 'a']));
});

test('an order keeps the order of its statuses: they are a history', () => {
  const order = exampleOrder({
    status: 'paid',
    timeline: [
      { status: 'pending', at: '2026-01-01T00:00:00.000Z' },
      { status: 'paid', at: '2026-01-01T00:00:01.000Z' },
    ],
  });
  expect(comparableOrder(order)['statuses']).toEqual(['pending', 'paid']);
});
