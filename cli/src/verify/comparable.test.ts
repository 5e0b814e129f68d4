import { expect, test } from '@jest/globals';
import { comparableOrder, comparableStock } from './comparable.ts';

test('a stock document compares by variant and warehouse, whatever the order of its lists', () => {
  const level = { onHand: 5, reserved: 1, available: 4 };
  const variant = (warehouses: string[]) => ({
    variantId: 'v',
    ...level,
    warehouses: warehouses.map((warehouseId) => ({ warehouseId, ...level })),
  });
  const stock = {
    tenantId: 't',
    productId: 'p',
    ...level,
    status: 'low_stock' as const,
    lowStockThreshold: 10,
    velocity7d: null,
    velocity28d: null,
    daysOfCover: null,
    projectedStockOutAt: null,
    unexplained: 0,
    flags: [],
  };
  expect(comparableStock({ ...stock, variants: [variant(['a', 'b'])] })).toEqual(
    comparableStock({ ...stock, variants: [variant(['b', 'a'])] }),
  );
});

test('an order keeps the order of its statuses: they are a history', () => {
  const order = {
    tenantId: 't',
    orderId: 'o',
    orderNumber: 'n',
    customerId: null,
    status: 'paid',
    currency: 'USD',
    subtotal: '1.00',
    discountAmount: '0.00',
    taxAmount: '0.00',
    shippingAmount: '0.00',
    totalAmount: '1.00',
    placedAt: '2026-01-01T00:00:00.000Z',
    items: [],
    timeline: [
      { status: 'pending', at: '2026-01-01T00:00:00.000Z' },
      { status: 'paid', at: '2026-01-01T00:00:01.000Z' },
    ],
    flags: [],
    paymentStatus: 'unpaid' as const,
    paidAmount: '0.00',
    refundedAmount: '0.00',
    shippingStatus: 'unshipped' as const,
    promisedBy: null,
    late: false,
    payments: [],
    refunds: [],
    shipments: [],
    returns: [],
  };
  expect(comparableOrder(order)['statuses']).toEqual(['pending', 'paid']);
});
