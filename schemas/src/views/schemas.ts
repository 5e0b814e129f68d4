import { json, position } from '../avro/types.ts';

/** Avro schemas of the `views.*` values. New fields need a default, so that old records stay readable (BACKWARD). */
export const viewKinds = [
  'stock',
  'movement',
  'stockevent',
  'price',
  'pricechange',
  'product',
  'order',
  'sale',
  'cart',
  'recommendation',
  'session',
  'latebehaviour',
] as const;
export type ViewKind = (typeof viewKinds)[number];

type Field = { name: string; type: unknown; default?: unknown };
const field = (name: string, type: unknown): Field => ({ name, type });
const optional = (name: string, type: unknown): Field => ({ name, type: ['null', type], default: null });
const strings = (...names: string[]): Field[] => names.map((name) => field(name, 'string'));
const ints = (...names: string[]): Field[] => names.map((name) => field(name, 'int'));
const record = (name: string, fields: Field[]) => ({ type: 'record', name, fields });
const list = (items: unknown) => ({ type: 'array', items });
const rows = (name: string, items: unknown): Field => ({ name, type: list(items), default: [] });

/** Every view value: position, commit time and the data, null where the entry is deleted at that commit. */
function viewSchema(name: string, fields: Field[]) {
  return {
    type: 'record',
    name: `${name}Entry`,
    namespace: 'millrace.views',
    fields: [field('lsn', position), field('ts_us', 'long'), optional('data', record(name, fields))],
  };
}

const levels = ints('onHand', 'reserved', 'available');

export const stockSchema = viewSchema('Stock', [
  ...strings('tenantId', 'productId'),
  ...levels,
  field('status', 'string'),
  field('lowStockThreshold', 'int'),
  field(
    'variants',
    list(
      record('StockVariant', [
        field('variantId', 'string'),
        ...levels,
        field('warehouses', list(record('StockWarehouse', [field('warehouseId', 'string'), ...levels]))),
      ]),
    ),
  ),
  optional('velocity7d', 'double'),
  optional('velocity28d', 'double'),
  optional('daysOfCover', 'double'),
  optional('projectedStockOutAt', 'string'),
  { name: 'unexplained', type: 'int', default: 0 },
  { name: 'flags', type: list('string'), default: [] },
]);

export const stockEventSchema = viewSchema('StockEvent', [
  ...strings('tenantId', 'productId', 'name', 'status'),
  optional('previousStatus', 'string'),
  ...levels,
  ...ints('lowStockThreshold', 'unexplained'),
  field('at', 'string'),
]);

export const stockMovementSchema = viewSchema('StockMovement', [
  ...strings('tenantId', 'productId', 'movementId', 'variantId', 'warehouseId'),
  field('delta', 'int'),
  field('kind', 'string'),
  optional('orderId', 'string'),
  field('at', 'string'),
]);

export const priceSchema = viewSchema('Price', [
  ...strings('tenantId', 'productId', 'amount', 'currency', 'baseAmount', 'reason'),
  optional('validUntil', 'string'),
  optional('nextChangeAt', 'string'),
  field('lowest30d', 'string'),
  field(
    'variants',
    list(
      record('PriceVariant', [
        ...strings('variantId', 'amount', 'currency', 'reason'),
        optional('validFrom', 'string'),
        optional('validUntil', 'string'),
        optional('listAmount', 'string'),
        optional('ruleId', 'string'),
      ]),
    ),
  ),
  optional('listAmount', 'string'),
  optional('ruleId', 'string'),
]);

export const priceChangeSchema = viewSchema('PriceChange', [
  ...strings('tenantId', 'productId', 'variantId', 'amount'),
  optional('previousAmount', 'string'),
  ...strings('currency', 'reason', 'at'),
]);

export const productSchema = viewSchema('Product', [
  ...strings('tenantId', 'productId', 'sku', 'name'),
  optional('description', 'string'),
  field('status', 'string'),
  optional('categoryId', 'string'),
  field('categoryPath', list('string')),
  optional('vendorId', 'string'),
  optional('vendor', 'string'),
  field('tags', list(record('ProductTag', [...strings('tagId', 'name'), optional('value', 'string')]))),
  field('images', list(record('ProductImage', [...strings('imageId', 'url'), optional('alt', 'string')]))),
  field('attributes', json),
  field(
    'variants',
    list(
      record('ProductVariant', [
        ...strings('variantId', 'sku'),
        optional('name', 'string'),
        field('attributes', json),
        optional('amount', 'string'),
        field('available', 'int'),
      ]),
    ),
  ),
  optional('price', record('ProductPrice', strings('amount', 'currency'))),
  field(
    'stock',
    record('ProductStock', [field('available', 'int'), field('status', 'string'), optional('soldPerDay', 'double')]),
  ),
  field('rating', record('ProductRating', [optional('average', 'double'), field('count', 'int')])),
  ...strings('createdAt', 'updatedAt'),
]);

export const orderSchema = viewSchema('Order', [
  ...strings('tenantId', 'orderId', 'orderNumber', 'status', 'currency'),
  optional('customerId', 'string'),
  ...strings('subtotal', 'discountAmount', 'taxAmount', 'shippingAmount', 'totalAmount', 'placedAt'),
  field(
    'items',
    list(
      record('OrderLine', [
        ...strings('itemId', 'productId'),
        optional('variantId', 'string'),
        optional('vendorId', 'string'),
        optional('name', 'string'),
        field('quantity', 'int'),
        ...strings('unitPrice', 'totalPrice'),
      ]),
    ),
  ),
  field('timeline', list(record('OrderEvent', strings('status', 'at')))),
  field('flags', list('string')),
  { name: 'paymentStatus', type: 'string', default: 'unpaid' },
  { name: 'paidAmount', type: 'string', default: '0.00' },
  { name: 'refundedAmount', type: 'string', default: '0.00' },
  { name: 'shippingStatus', type: 'string', default: 'unshipped' },
  optional('promisedBy', 'string'),
  { name: 'late', type: 'boolean', default: false },
  rows('payments', record('OrderPayment', strings('paymentId', 'provider', 'status', 'amount', 'currency'))),
  rows('refunds', record('OrderRefund', strings('refundId', 'status', 'amount'))),
  rows(
    'shipments',
    record('OrderShipment', [
      ...strings('shipmentId', 'status'),
      ...['carrier', 'tracking', 'shippedAt', 'deliveredAt'].map((name) => optional(name, 'string')),
    ]),
  ),
  rows('returns', record('OrderReturn', [...strings('returnId', 'status'), optional('reason', 'string')])),
]);

export const saleDeltaSchema = viewSchema('SaleDelta', [
  ...strings('tenantId', 'orderId', 'itemId', 'productId'),
  ...['variantId', 'categoryId', 'category', 'vendorId', 'vendor', 'customerId'].map((name) =>
    optional(name, 'string'),
  ),
  ...strings('currency', 'reason'),
  ...ints('lines', 'quantity'),
  ...strings('amount', 'placedAt', 'at'),
]);

export const cartSchema = viewSchema('Cart', [
  ...strings('tenantId', 'cartId', 'status'),
  optional('customerId', 'string'),
  field('items', list(record('CartItem', [...strings('productId', 'variantId'), field('quantity', 'int')]))),
  field('units', 'int'),
  ...strings('createdAt', 'lastActivityAt'),
  optional('abandonedAt', 'string'),
]);

export const recommendationSchema = viewSchema('Recommendation', [
  ...strings('tenantId', 'productId'),
  field(
    'items',
    list(
      record('RecommendedProduct', [field('productId', 'string'), field('score', 'double'), field('orders', 'int')]),
    ),
  ),
  field('asOf', 'string'),
]);

export const sessionSchema = viewSchema('Session', [
  ...strings('tenantId', 'sessionId', 'startedAt', 'lastAt'),
  ...ints('views', 'searches', 'cartAdds', 'checkouts', 'purchases'),
]);

export const lateBehaviourSchema = viewSchema('LateBehaviour', [
  ...strings('tenantId', 'sessionId', 'eventId', 'kind'),
  optional('productId', 'string'),
  field('at', 'string'),
]);

export const viewSchemas: Readonly<Record<ViewKind, unknown>> = {
  stock: stockSchema,
  movement: stockMovementSchema,
  stockevent: stockEventSchema,
  price: priceSchema,
  pricechange: priceChangeSchema,
  product: productSchema,
  order: orderSchema,
  sale: saleDeltaSchema,
  cart: cartSchema,
  recommendation: recommendationSchema,
  session: sessionSchema,
  latebehaviour: lateBehaviourSchema,
};
