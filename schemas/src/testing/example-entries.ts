import type { OrderView, StockView } from '../views/index.ts';

/** Ten of one product, none reserved, nothing measured; with `fields` in its place. */
export function exampleStock(fields: Partial<StockView> = {}): StockView {
  return {
    tenantId: 't',
    productId: 'p',
    onHand: 10,
    reserved: 0,
    available: 10,
    status: 'in_stock',
    lowStockThreshold: 10,
    velocity7d: null,
    velocity28d: null,
    daysOfCover: null,
    projectedStockOutAt: null,
    unexplained: 0,
    flags: [],
    variants: [],
    ...fields,
  };
}

const PLACED_AT = '2026-01-01T00:00:00.000Z';

/** A guest's order of 1.00, placed and no more; with `fields` in its place. */
export function exampleOrder(fields: Partial<OrderView> = {}): OrderView {
  const { status = 'pending', placedAt = PLACED_AT } = fields;
  return {
    tenantId: 't',
    orderId: 'o',
    orderNumber: 'n',
    customerId: null,
    status,
    currency: 'USD',
    subtotal: '1.00',
    discountAmount: '0.00',
    taxAmount: '0.00',
    shippingAmount: '0.00',
    totalAmount: '1.00',
    placedAt,
    items: [],
    timeline: [{ status, at: placedAt }],
    flags: [],
    paymentStatus: 'unpaid',
    paidAmount: '0.00',
    refundedAmount: '0.00',
    shippingStatus: 'unshipped',
    promisedBy: null,
    late: false,
    payments: [],
    refunds: [],
    shipments: [],
    returns: [],
    ...fields,
  };
}
