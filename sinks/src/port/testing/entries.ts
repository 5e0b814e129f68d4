import fc from 'fast-check';
import type { ViewData, ViewEntry, ViewKind } from '@millrace/schemas/views';

/** Few ids and few names, so that histories return to the same keys, lists and totals again and again. */
const pooled = (letter: string, count: number) =>
  fc.integer({ min: 1, max: count }).map((n) => `${letter.repeat(8)}-0000-7000-8000-${String(n).padStart(12, '0')}`);

export const tenantId = '00000000-0000-7000-8000-000000000001';
const productId = pooled('a', 6);
const variantId = pooled('b', 3);
const warehouseId = pooled('c', 2);
const orderId = pooled('d', 6);
const customerId = pooled('e', 3);
const vendorId = pooled('f', 3);
const categoryId = pooled('9', 3);
const itemId = pooled('8', 4);
const level = fc.integer({ min: 0, max: 500 });
const amount = fc.integer({ min: 1, max: 9_999_999 }).map((cents) => (cents / 100).toFixed(2));
const currency = fc.constantFrom('USD', 'EUR');
const text = fc.constantFrom('Desk', 'Chair "Oak"', 'Überzug', "Wi-Fi 6E's", 'a\tb\\c', 'Lampe 💡');
const instant = fc
  .integer({ min: 0, max: 300_000 })
  .map((minutes) => new Date(Date.UTC(2026, 0, 1) + minutes * 60_000).toISOString());
const nullable = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const attributes = fc.constantFrom<Record<string, unknown>>(
  {},
  { color: 'red', width: 12 },
  { nested: { a: [1] }, note: 'x' },
);
const uniqueBy = <T>(arbitrary: fc.Arbitrary<T>, selector: (value: T) => unknown, maxLength = 3) =>
  fc.uniqueArray(arbitrary, { selector, maxLength });

const levels = { onHand: level, reserved: level, available: level };
const stockStatus = fc.constantFrom('in_stock', 'low_stock', 'out_of_stock');

export const stockData: fc.Arbitrary<ViewData['stock']> = fc.record({
  tenantId: fc.constant(tenantId),
  productId,
  ...levels,
  status: stockStatus,
  lowStockThreshold: level,
  velocity7d: nullable(fc.constantFrom(0, 0.14, 12.5)),
  velocity28d: nullable(fc.constantFrom(0, 0.04, 11.25)),
  daysOfCover: nullable(fc.constantFrom(0, 3.5)),
  projectedStockOutAt: nullable(instant),
  unexplained: fc.integer({ min: -5, max: 5 }),
  flags: fc.constantFrom<string[]>([], ['movement-mismatch']),
  variants: uniqueBy(
    fc.record({
      variantId,
      ...levels,
      warehouses: uniqueBy(fc.record({ warehouseId, ...levels }), ({ warehouseId: id }) => id),
    }),
    ({ variantId: id }) => id,
  ),
});

const movementData: fc.Arbitrary<ViewData['movement']> = fc.record({
  tenantId: fc.constant(tenantId),
  productId,
  movementId: itemId,
  variantId,
  warehouseId,
  delta: fc.integer({ min: -50, max: 50 }),
  kind: fc.constantFrom('sale', 'adjustment'),
  orderId: nullable(orderId),
  at: instant,
});

const stockEventData: fc.Arbitrary<ViewData['stockevent']> = fc.record({
  tenantId: fc.constant(tenantId),
  productId,
  name: fc.constantFrom('LowStock', 'OutOfStock', 'BackInStock', 'StockMismatch'),
  status: stockStatus,
  previousStatus: nullable(stockStatus),
  ...levels,
  lowStockThreshold: level,
  unexplained: level,
  at: instant,
});

const priceData: fc.Arbitrary<ViewData['price']> = fc.record({
  tenantId: fc.constant(tenantId),
  productId,
  amount,
  currency,
  listAmount: nullable(amount),
  baseAmount: amount,
  reason: fc.constantFrom('base', 'scheduled'),
  ruleId: nullable(itemId),
  validUntil: nullable(instant),
  nextChangeAt: nullable(instant),
  lowest30d: amount,
  variants: uniqueBy(
    fc.record({
      variantId,
      amount,
      currency,
      listAmount: nullable(amount),
      reason: fc.constantFrom('base', 'rule'),
      ruleId: nullable(itemId),
      validFrom: nullable(instant),
      validUntil: nullable(instant),
    }),
    ({ variantId: id }) => id,
  ),
});

const priceChangeData: fc.Arbitrary<ViewData['pricechange']> = fc.record({
  tenantId: fc.constant(tenantId),
  productId,
  variantId,
  amount,
  previousAmount: nullable(amount),
  currency,
  reason: fc.constantFrom('base', 'scheduled'),
  at: instant,
});

export const productData: fc.Arbitrary<ViewData['product']> = fc.record({
  tenantId: fc.constant(tenantId),
  productId,
  sku: fc.constantFrom('SKU-1', 'SKU-2', 'ü/3'),
  name: text,
  description: nullable(text),
  status: fc.constantFrom('active', 'active', 'active', 'draft', 'archived'),
  categoryId: nullable(categoryId),
  categoryPath: fc.constantFrom<string[]>([], ['Furniture'], ['Furniture', 'Chairs'], ['Technology', 'Phones']),
  vendorId: nullable(vendorId),
  vendor: nullable(fc.constantFrom('Acme', 'Bolt & Co')),
  tags: uniqueBy(
    fc.record({ tagId: itemId, name: fc.constantFrom('color', 'size'), value: nullable(fc.constantFrom('red', 'XL')) }),
    ({ name }) => name,
  ),
  images: uniqueBy(fc.record({ imageId: itemId, url: fc.webUrl(), alt: nullable(text) }), ({ imageId }) => imageId, 2),
  attributes,
  variants: uniqueBy(
    fc.record({
      variantId,
      sku: fc.constantFrom('V-1', 'V-2'),
      name: nullable(text),
      attributes,
      amount: nullable(amount),
      available: level,
    }),
    ({ variantId: id }) => id,
  ),
  price: nullable(fc.record({ amount, currency })),
  stock: fc.record({
    available: level,
    status: stockStatus,
    soldPerDay: nullable(fc.integer({ min: 0, max: 500 }).map((hundredths) => hundredths / 100)),
  }),
  rating: fc.record({
    average: nullable(fc.integer({ min: 10, max: 50 }).map((tenths) => tenths / 10)),
    count: level,
  }),
  createdAt: instant,
  updatedAt: instant,
});

export const orderData: fc.Arbitrary<ViewData['order']> = fc.record({
  tenantId: fc.constant(tenantId),
  orderId,
  orderNumber: fc.constantFrom('M1', 'M2', 'M3'),
  customerId,
  status: fc.constantFrom('pending', 'paid', 'delivered', 'cancelled'),
  currency,
  subtotal: amount,
  discountAmount: amount,
  taxAmount: amount,
  shippingAmount: amount,
  totalAmount: amount,
  placedAt: instant,
  items: uniqueBy(
    fc.record({
      itemId,
      productId,
      variantId: nullable(variantId),
      vendorId: nullable(vendorId),
      name: nullable(text),
      quantity: fc.integer({ min: 1, max: 9 }),
      unitPrice: amount,
      totalPrice: amount,
    }),
    ({ itemId: id }) => id,
  ),
  timeline: fc.array(fc.record({ status: fc.constantFrom('pending', 'paid'), at: instant }), { maxLength: 3 }),
  flags: fc.constantFrom<string[]>([], ['total-mismatch']),
  paymentStatus: fc.constantFrom('unpaid', 'paid', 'refunded'),
  paidAmount: amount,
  refundedAmount: amount,
  shippingStatus: fc.constantFrom('unshipped', 'shipped', 'delivered'),
  promisedBy: nullable(instant),
  late: fc.boolean(),
  payments: fc.constant([]),
  refunds: fc.constant([]),
  shipments: fc.constant([]),
  returns: fc.constant([]),
});

export const saleData: fc.Arbitrary<ViewData['sale']> = fc.record({
  tenantId: fc.constant(tenantId),
  orderId,
  itemId,
  productId,
  variantId: nullable(variantId),
  categoryId: nullable(categoryId),
  category: nullable(fc.constantFrom('Chairs', 'Phones')),
  vendorId: nullable(vendorId),
  vendor: nullable(fc.constantFrom('Acme', 'Bolt & Co')),
  customerId: nullable(customerId),
  currency,
  reason: fc.constantFrom('sold', 'changed', 'cancelled', 'removed'),
  lines: fc.integer({ min: -1, max: 1 }),
  quantity: fc.integer({ min: -9, max: 9 }),
  amount: fc.integer({ min: -9_999, max: 9_999 }).map((cents) => (cents / 100).toFixed(2)),
  placedAt: instant,
  at: instant,
});

const cartData: fc.Arbitrary<ViewData['cart']> = fc.record({
  tenantId: fc.constant(tenantId),
  cartId: orderId,
  customerId: nullable(customerId),
  status: fc.constantFrom('active', 'ordered'),
  items: uniqueBy(fc.record({ productId, variantId, quantity: level }), ({ productId: id }) => id),
  units: level,
  createdAt: instant,
  lastActivityAt: instant,
  abandonedAt: nullable(instant),
});

const recommendationData: fc.Arbitrary<ViewData['recommendation']> = fc.record({
  tenantId: fc.constant(tenantId),
  productId,
  items: uniqueBy(
    fc.record({ productId, score: fc.constantFrom(0.25, 1, 2.378414), orders: level }),
    ({ productId: id }) => id,
  ),
  asOf: instant,
});

const sessionData: fc.Arbitrary<ViewData['session']> = fc.record({
  tenantId: fc.constant(tenantId),
  sessionId: orderId,
  startedAt: instant,
  lastAt: instant,
  views: level,
  searches: level,
  cartAdds: level,
  checkouts: level,
  purchases: level,
});

const lateBehaviourData: fc.Arbitrary<ViewData['latebehaviour']> = fc.record({
  tenantId: fc.constant(tenantId),
  sessionId: orderId,
  eventId: productId,
  kind: fc.constantFrom('view', 'purchase'),
  productId: nullable(productId),
  at: instant,
});

type Change = { readonly [K in ViewKind]: Pick<ViewEntry<K>, 'kind' | 'id' | 'data'> }[ViewKind];

/** One in eight changes deletes. The entry's data carries its key's id, as the processors write it. */
function change<K extends ViewKind>(kind: K, data: fc.Arbitrary<ViewData[K]>, idOf: (data: ViewData[K]) => string) {
  return fc
    .tuple(data, fc.integer({ min: 0, max: 7 }))
    .map(([value, chance]) => ({ kind, id: idOf(value), data: chance === 0 ? null : value }) as unknown as Change);
}

const changes: fc.Arbitrary<Change> = fc.oneof(
  change('stock', stockData, (data) => data.productId),
  change('movement', movementData, (data) => `${data.productId}/${data.movementId}`),
  change('stockevent', stockEventData, (data) => `${data.productId}/${data.at}`),
  change('price', priceData, (data) => data.productId),
  change('pricechange', priceChangeData, (data) => `${data.productId}/${data.variantId}/${data.at}`),
  change('product', productData, (data) => data.productId),
  change('order', orderData, (data) => data.orderId),
  change('sale', saleData, (data) => `${data.orderId}/${data.itemId}/${data.at}`),
  change('cart', cartData, (data) => data.cartId),
  change('recommendation', recommendationData, (data) => data.productId),
  change('session', sessionData, (data) => `${data.sessionId}/${data.startedAt}`),
  change('latebehaviour', lateBehaviourData, (data) => `${data.sessionId}/${data.eventId}`),
);

const FIRST_LSN = 1_000_000_007n;
const FIRST_TS_US = Date.UTC(2026, 5, 1) * 1000;

/** Changes in commit order: each entry at its own position, 1 ms after the one before. */
export const histories: fc.Arbitrary<readonly ViewEntry[]> = fc
  .array(changes, { minLength: 60, maxLength: 120 })
  .map((list) =>
    list.map((entry, index) => ({
      ...entry,
      lsn: FIRST_LSN + BigInt(index) * 48n,
      tsUs: FIRST_TS_US + index * 1000 + 7,
    })),
  );

/** The history that belongs to a seed. */
export function historyOf(seed: number): readonly ViewEntry[] {
  return fc.sample(histories, { seed, numRuns: 1 })[0] ?? [];
}
