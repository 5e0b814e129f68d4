import { expect, test } from '@jest/globals';
import { exampleOrder } from '@millrace/schemas/testing';
import { orderText } from './order-text.ts';

const item = (itemId: string) =>
  ({ ...exampleOrder({}).items[0], itemId }) as ReturnType<typeof exampleOrder>['items'][number];

test('an order is one text, whatever the order of its lists, but for its statuses', () => {
  const text = (ids: string[]): string => orderText(exampleOrder({ items: ids.map(item) }));
  expect(text(['a', 'b', 'c'])).toBe(text(['c', 'a', 'b']));
  const statuses = (names: string[]): string =>
    orderText(exampleOrder({ timeline: names.map((status) => ({ status, at: '2026-01-01T00:00:00.000Z' })) }));
  expect(statuses(['pending', 'paid'])).not.toBe(statuses(['paid', 'pending']));
});

test('whatever a store holds makes JSON: quotes in a text, and fields that are missing, which is not that they are null', () => {
  const order = exampleOrder({ customerId: null, status: 'pa"id\\' });
  expect(JSON.parse(orderText(order))).toMatchObject({ customerId: null, status: 'pa"id\\' });
  const { customerId, ...rest } = order;
  expect(customerId).toBeNull();
  expect(orderText(rest as typeof order)).not.toBe(orderText(order));
  expect(JSON.parse(orderText(rest as typeof order))).toMatchObject({ customerId: '(missing)' });
});
