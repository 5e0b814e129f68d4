import { describe, expect, test } from '@jest/globals';
import type { Row } from '@millrace/schemas/cdc';
import type { OrderView } from '@millrace/schemas/views';
import { TestRoad } from '../../testing/index.ts';
import type { TestRow } from '../../testing/index.ts';
import { orders } from '../index.ts';
import { moneyOf, shippingStatus } from './settlement.ts';
import type { Settlement } from './settlement.ts';
import { isAllowed } from './transitions.ts';

const second = 1_000_000;
const day = 24 * 3600 * second;
const t0 = Date.UTC(2026, 0, 1) * 1000;
const none: Settlement = { payments: {}, refunds: {}, shipments: {}, returns: {} };
const keyed = <T>(rows: readonly T[]): Record<string, T> => Object.fromEntries(rows.map((row, at) => [`k${at}`, row]));

describe('money', () => {
  const of = (payments: [string, number][], refunds: [string, number][] = []) => {
    const { paid, refunded, status } = moneyOf(
      {
        ...none,
        payments: keyed(payments.map(([name, amount]) => ({ provider: 'p', status: name, amount, currency: 'EUR' }))),
        refunds: keyed(refunds.map(([name, amount]) => ({ status: name, amount }))),
      },
      1000,
    );
    return [paid, refunded, status];
  };

  test('a status for every mixture of payments and refunds', () => {
    expect(of([])).toEqual([0, 0, 'unpaid']);
    expect(of([['initiated', 1000]])).toEqual([0, 0, 'pending']);
    expect(of([['failed', 1000]])).toEqual([0, 0, 'failed']);
    expect(
      of([
        ['failed', 1000],
        ['completed', 400],
      ]),
    ).toEqual([400, 0, 'partially_paid']);
    expect(
      of([
        ['completed', 400],
        ['completed', 600],
      ]),
    ).toEqual([1000, 0, 'paid']);
    expect(of([['completed', 1000]], [['initiated', 300]])).toEqual([1000, 0, 'paid']);
    expect(of([['completed', 1000]], [['completed', 300]])).toEqual([1000, 300, 'partially_refunded']);
    expect(of([['refunded', 1000]])).toEqual([1000, 1000, 'refunded']);
    expect(of([['refunded', 1000]], [['completed', 1000]])).toEqual([1000, 1000, 'refunded']);
  });
});

test('the goods of an order are as far as its shipments', () => {
  const of = (...statuses: string[]) =>
    shippingStatus({
      ...none,
      shipments: keyed(
        statuses.map((status) => ({ status, carrier: null, tracking: null, shippedUs: null, deliveredUs: null })),
      ),
    });
  expect(of()).toBe('unshipped');
  expect(of('pending', 'cancelled')).toBe('unshipped');
  expect(of('pending', 'in_transit')).toBe('partially_shipped');
  expect(of('delivered', 'shipped')).toBe('shipped');
  expect(of('delivered', 'failed')).toBe('delivered');
  expect(of('delivered', 'returned')).toBe('returned');
});

test('the state machine allows what is documented, and staying', () => {
  const statuses = [
    'pending',
    'confirmed',
    'paid',
    'fulfilling',
    'shipped',
    'delivered',
    'cancelled',
    'returned',
    'refunded',
  ];
  const allowed = statuses.flatMap((from) =>
    statuses.flatMap((to) => (from !== to && isAllowed(from, to) ? [`${from} ${to}`] : [])),
  );
  expect(allowed).toEqual([
    'pending confirmed',
    'pending cancelled',
    'confirmed paid',
    'confirmed cancelled',
    'paid fulfilling',
    'paid cancelled',
    'paid refunded',
    'fulfilling shipped',
    'fulfilling cancelled',
    'fulfilling refunded',
    'shipped delivered',
    'shipped returned',
    'delivered returned',
    'delivered refunded',
    'cancelled refunded',
    'returned refunded',
  ]);
});

describe('an order over time', () => {
  const order = (status: string): TestRow => ({
    table: 'orders',
    op: 'u',
    row: {
      ...{ order_id: 'o', order_number: 'M1', customer_id: 'c', status, currency: 'EUR', subtotal: '10.00' },
      ...{ discount_amount: '0.00', tax_amount: '0.00', shipping_amount: '0.00', total_amount: '10.00', placed_at: t0 },
    },
  });
  const item: TestRow = {
    table: 'order_items',
    op: 'c',
    row: {
      ...{ order_id: 'o', item_id: 'i', product_id: 'p', variant_id: 'p', name: 'Chair' },
      ...{ quantity: 1, unit_price: '10.00', total_price: '10.00' },
    },
  };
  const part = (table: string, row: Row, op: TestRow['op'] = 'u'): TestRow => ({
    table,
    op,
    row: { order_id: 'o', ...row },
  });
  const started = async () => {
    const road = await TestRoad.open();
    await road.start(orders);
    let lsn = 0n;
    const commit = async (us: number, ...rows: TestRow[]): Promise<OrderView> => {
      lsn += 10n;
      await road.source.commit(lsn, us, rows);
      await road.settle();
      return road.latest('views.orders', 'order', 'o') as OrderView;
    };
    return { road, commit };
  };

  test('payments, shipments, returns and refunds are folded in, and taken out again', async () => {
    const { commit } = await started();
    const payment = { payment_id: 'y', provider: 'card', status: 'completed', amount: '10.00', currency: 'EUR' };
    await commit(t0, order('pending'), item);
    expect(await commit(t0, part('payments', payment))).toMatchObject({
      paymentStatus: 'paid',
      paidAmount: '10.00',
      flags: [],
    });
    const sent = { shipment_id: 's', status: 'shipped', carrier: 'dhl', tracking: 't', shipped_at: t0 };
    expect(await commit(t0, part('shipments', sent))).toMatchObject({
      shippingStatus: 'shipped',
      shipments: [{ shipmentId: 's', carrier: 'dhl', shippedAt: '2026-01-01T00:00:00.000Z', deliveredAt: null }],
    });
    expect(
      await commit(
        t0,
        part('returns', { return_id: 'r', status: 'requested', reason: 'broken' }),
        part('refunds', { refund_id: 'f', status: 'completed', amount: '12.00' }),
        part('payments', { ...payment, payment_id: 'z', amount: '1.00', currency: 'USD' }),
      ),
    ).toMatchObject({
      paymentStatus: 'refunded',
      refundedAmount: '12.00',
      flags: ['overpaid', 'refund-exceeds-payment', 'payment-currency-mismatch'],
      returns: [{ returnId: 'r', status: 'requested', reason: 'broken' }],
    });
    expect(
      await commit(t0, part('refunds', { refund_id: 'f' }, 'd'), part('payments', { payment_id: 'z' }, 'd')),
    ).toMatchObject({ paymentStatus: 'paid', refunds: [], flags: [] });
  });

  test('it is late from its promise on, without any row changing; what arrived in time is not, what arrived late stays so', async () => {
    const { road, commit } = await started();
    expect(await commit(t0, order('pending'), item)).toMatchObject({
      late: false,
      promisedBy: '2026-01-08T00:00:00.000Z',
    });
    expect(await commit(t0 + 7 * day - second)).toMatchObject({ late: false });
    await road.start(orders);
    expect(await commit(t0 + 7 * day)).toMatchObject({ late: true, flags: ['late'] });
    const arrived = { shipment_id: 's', status: 'delivered', shipped_at: t0, delivered_at: t0 + 6 * day };
    expect(await commit(t0 + 8 * day, part('shipments', arrived))).toMatchObject({ late: false, flags: [] });
    expect(await commit(t0 + 8 * day, part('shipments', { ...arrived, delivered_at: t0 + 8 * day }))).toMatchObject({
      late: true,
    });
    expect(await commit(t0 + 9 * day, part('shipments', { shipment_id: 's' }, 'd'), order('cancelled'))).toMatchObject({
      late: false,
    });
  });
});
