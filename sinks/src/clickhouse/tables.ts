import type { ViewKind } from '@millrace/schemas/views';
import { held, instant, instantOrNull } from './column.ts';
import type { Column, EntryTable, TableDefinition } from './column.ts';

const TEXT = 'String';
const LABEL = 'LowCardinality(String)';
const MONEY = 'Decimal(18, 2)';
const INSTANT = "DateTime64(6, 'UTC')";
const list = (type: string): string => `Array(${type})`;

/** Adds nothing at run time: names the kind once, so that each column's value function is typed. */
function table<K extends ViewKind>(
  kind: K,
  columns: readonly [name: string, type: string, value: Column<K>['value']][],
): TableDefinition<K> {
  return { kind, columns: columns.map(([name, type, value]) => ({ name, type, value })) };
}

const productTable = table('product', [
  ['tenant_id', LABEL, (product) => product.tenantId],
  ['sku', TEXT, (product) => product.sku],
  ['name', TEXT, (product) => product.name],
  ['status', LABEL, (product) => product.status],
  ['category_id', TEXT, (product) => product.categoryId ?? ''],
  ['category_path', list(LABEL), (product) => product.categoryPath],
  ['vendor_id', TEXT, (product) => product.vendorId ?? ''],
  ['vendor', LABEL, (product) => product.vendor ?? ''],
  ['tag_names', list(LABEL), (product) => product.tags.map(({ name }) => name)],
  ['tag_values', list(TEXT), (product) => product.tags.map(({ value }) => value ?? '')],
  ['price', `Nullable(${MONEY})`, (product) => product.price?.amount ?? null],
  ['currency', LABEL, (product) => product.price?.currency ?? ''],
  ['available', 'Int64', (product) => product.stock.available],
  ['stock_status', LABEL, (product) => product.stock.status],
  ['rating_average', 'Nullable(Float64)', (product) => product.rating.average],
  ['rating_count', 'UInt32', (product) => product.rating.count],
  ['created_at', INSTANT, (product) => instant(product.createdAt)],
  ['updated_at', INSTANT, (product) => instant(product.updatedAt)],
]);

/** A row per product, its warehouses' levels as parallel arrays: a warehouse that goes away is gone with the next version. */
const stockTable = table('stock', [
  ['tenant_id', LABEL, (stock) => stock.tenantId],
  ['on_hand', 'Int64', (stock) => stock.onHand],
  ['reserved', 'Int64', (stock) => stock.reserved],
  ['available', 'Int64', (stock) => stock.available],
  ['status', LABEL, (stock) => stock.status],
  ['low_stock_threshold', 'Int32', (stock) => stock.lowStockThreshold],
  ['velocity_7d', 'Nullable(Float64)', (stock) => stock.velocity7d ?? null],
  ['velocity_28d', 'Nullable(Float64)', (stock) => stock.velocity28d ?? null],
  ['days_of_cover', 'Nullable(Float64)', (stock) => stock.daysOfCover ?? null],
  ['projected_stock_out_at', `Nullable(${INSTANT})`, (stock) => instantOrNull(stock.projectedStockOutAt ?? null)],
  ['unexplained', 'Int64', (stock) => stock.unexplained ?? 0],
  ['level_variants', list(TEXT), (stock) => stock.variants.flatMap((v) => v.warehouses.map(() => v.variantId))],
  ['level_warehouses', list(TEXT), (stock) => stock.variants.flatMap((v) => v.warehouses.map((w) => w.warehouseId))],
  ['level_on_hand', list('Int64'), (stock) => stock.variants.flatMap((v) => v.warehouses.map((w) => w.onHand))],
  ['level_reserved', list('Int64'), (stock) => stock.variants.flatMap((v) => v.warehouses.map((w) => w.reserved))],
  ['level_available', list('Int64'), (stock) => stock.variants.flatMap((v) => v.warehouses.map((w) => w.available))],
]);

const movementTable = table('movement', [
  ['tenant_id', LABEL, (movement) => movement.tenantId],
  ['product_id', TEXT, (movement) => movement.productId],
  ['movement_id', TEXT, (movement) => movement.movementId],
  ['variant_id', TEXT, (movement) => movement.variantId],
  ['warehouse_id', TEXT, (movement) => movement.warehouseId],
  ['delta', 'Int64', (movement) => movement.delta],
  ['kind', LABEL, (movement) => movement.kind],
  ['order_id', TEXT, (movement) => movement.orderId ?? ''],
  ['at', INSTANT, (movement) => instant(movement.at)],
]);

/** A row per product, its variants' prices as parallel arrays. */
const priceTable = table('price', [
  ['tenant_id', LABEL, (price) => price.tenantId],
  ['amount', MONEY, (price) => price.amount],
  ['currency', LABEL, (price) => price.currency],
  ['base_amount', MONEY, (price) => price.baseAmount],
  ['list_amount', `Nullable(${MONEY})`, (price) => price.listAmount],
  ['reason', LABEL, (price) => price.reason],
  ['valid_until', `Nullable(${INSTANT})`, (price) => instantOrNull(price.validUntil)],
  ['lowest_30d', MONEY, (price) => price.lowest30d],
  ['variant_ids', list(TEXT), (price) => price.variants.map(({ variantId }) => variantId)],
  ['variant_amounts', list(MONEY), (price) => price.variants.map(({ amount }) => amount)],
  ['variant_currencies', list(LABEL), (price) => price.variants.map(({ currency }) => currency)],
  ['variant_reasons', list(LABEL), (price) => price.variants.map(({ reason }) => reason)],
  [
    'variant_valid_from',
    list(`Nullable(${INSTANT})`),
    (price) => price.variants.map(({ validFrom }) => instantOrNull(validFrom)),
  ],
  [
    'variant_valid_until',
    list(`Nullable(${INSTANT})`),
    (price) => price.variants.map(({ validUntil }) => instantOrNull(validUntil)),
  ],
]);

const priceChangeTable = table('pricechange', [
  ['tenant_id', LABEL, (change) => change.tenantId],
  ['product_id', TEXT, (change) => change.productId],
  ['variant_id', TEXT, (change) => change.variantId],
  ['amount', MONEY, (change) => change.amount],
  ['previous_amount', `Nullable(${MONEY})`, (change) => change.previousAmount],
  ['currency', LABEL, (change) => change.currency],
  ['reason', LABEL, (change) => change.reason],
  ['at', INSTANT, (change) => instant(change.at)],
]);

/** A row per order, its lines as parallel arrays: a line that is removed is gone with the order's next version, and totals follow. */
const orderTable = table('order', [
  ['tenant_id', LABEL, (order) => order.tenantId],
  ['order_number', TEXT, (order) => order.orderNumber],
  ['customer_key', TEXT, (order, { customerKey }) => customerKey(order.customerId)],
  ['status', LABEL, (order) => order.status],
  ['currency', LABEL, (order) => order.currency],
  ['subtotal', MONEY, (order) => order.subtotal],
  ['discount_amount', MONEY, (order) => order.discountAmount],
  ['tax_amount', MONEY, (order) => order.taxAmount],
  ['shipping_amount', MONEY, (order) => order.shippingAmount],
  ['total_amount', MONEY, (order) => order.totalAmount],
  ['placed_at', INSTANT, (order) => instant(order.placedAt)],
  ['item_ids', list(TEXT), (order) => order.items.map(({ itemId }) => itemId)],
  ['item_products', list(TEXT), (order) => order.items.map(({ productId }) => productId)],
  ['item_variants', list(TEXT), (order) => order.items.map(({ variantId }) => variantId ?? '')],
  ['item_vendors', list(TEXT), (order) => order.items.map(({ vendorId }) => vendorId ?? '')],
  ['item_names', list(TEXT), (order) => order.items.map(({ name }) => name ?? '')],
  ['item_quantities', list('Int64'), (order) => order.items.map(({ quantity }) => quantity)],
  ['item_unit_prices', list(MONEY), (order) => order.items.map(({ unitPrice }) => unitPrice)],
  ['item_total_prices', list(MONEY), (order) => order.items.map(({ totalPrice }) => totalPrice)],
  ['timeline_statuses', list(LABEL), (order) => order.timeline.map(({ status }) => status)],
  ['timeline_at', list(INSTANT), (order) => order.timeline.map(({ at }) => instant(at))],
  ['flags', list(LABEL), (order) => order.flags],
  ['payment_status', LABEL, (order) => order.paymentStatus],
  ['paid_amount', MONEY, (order) => order.paidAmount],
  ['refunded_amount', MONEY, (order) => order.refundedAmount],
  ['shipping_status', LABEL, (order) => order.shippingStatus],
  ['late', 'Bool', (order) => order.late],
]);

const stockEventTable = table('stockevent', [
  ['tenant_id', LABEL, (event) => event.tenantId],
  ['product_id', TEXT, (event) => event.productId],
  ['name', LABEL, (event) => event.name],
  ['status', LABEL, (event) => event.status],
  ['previous_status', LABEL, (event) => event.previousStatus ?? ''],
  ['available', 'Int64', (event) => event.available],
  ['unexplained', 'Int64', (event) => event.unexplained],
  ['at', INSTANT, (event) => instant(event.at)],
]);

/** Facts: what each commit added to the sales of a line, or took from them. */
const saleDeltaTable = table('sale', [
  ['tenant_id', LABEL, (sale) => sale.tenantId],
  ['order_id', TEXT, (sale) => sale.orderId],
  ['item_id', TEXT, (sale) => sale.itemId],
  ['product_id', TEXT, (sale) => sale.productId],
  ['variant_id', TEXT, (sale) => sale.variantId ?? ''],
  ['category_id', TEXT, (sale) => sale.categoryId ?? ''],
  ['category', LABEL, (sale) => sale.category ?? ''],
  ['vendor_id', TEXT, (sale) => sale.vendorId ?? ''],
  ['vendor', LABEL, (sale) => sale.vendor ?? ''],
  ['customer_key', TEXT, (sale, { customerKey }) => customerKey(sale.customerId)],
  ['currency', LABEL, (sale) => sale.currency],
  ['reason', LABEL, (sale) => sale.reason],
  ['lines', 'Int8', (sale) => sale.lines],
  ['quantity', 'Int64', (sale) => sale.quantity],
  ['amount', MONEY, (sale) => sale.amount],
  ['placed_at', INSTANT, (sale) => instant(sale.placedAt)],
  ['at', INSTANT, (sale) => instant(sale.at)],
]);

const cartTable = table('cart', [
  ['tenant_id', LABEL, (cart) => cart.tenantId],
  ['customer_key', TEXT, (cart, { customerKey }) => customerKey(cart.customerId)],
  ['status', LABEL, (cart) => cart.status],
  ['item_products', list(TEXT), (cart) => cart.items.map(({ productId }) => productId)],
  ['item_variants', list(TEXT), (cart) => cart.items.map(({ variantId }) => variantId)],
  ['item_quantities', list('Int64'), (cart) => cart.items.map(({ quantity }) => quantity)],
  ['units', 'Int64', (cart) => cart.units],
  ['created_at', INSTANT, (cart) => instant(cart.createdAt)],
  ['last_activity_at', INSTANT, (cart) => instant(cart.lastActivityAt)],
  ['abandoned_at', `Nullable(${INSTANT})`, (cart) => instantOrNull(cart.abandonedAt)],
]);

/** A row per product, its companions as parallel arrays, the best first. */
const recommendationTable = table('recommendation', [
  ['tenant_id', LABEL, (recommendation) => recommendation.tenantId],
  ['item_products', list(TEXT), (recommendation) => recommendation.items.map(({ productId }) => productId)],
  ['item_scores', list('Float64'), (recommendation) => recommendation.items.map(({ score }) => score)],
  ['item_orders', list('UInt32'), (recommendation) => recommendation.items.map(({ orders }) => orders)],
  ['as_of', INSTANT, (recommendation) => instant(recommendation.asOf)],
]);

const sessionTable = table('session', [
  ['tenant_id', LABEL, (session) => session.tenantId],
  ['session_id', TEXT, (session) => session.sessionId],
  ['started_at', INSTANT, (session) => instant(session.startedAt)],
  ['last_at', INSTANT, (session) => instant(session.lastAt)],
  ['views', 'UInt32', (session) => session.views],
  ['searches', 'UInt32', (session) => session.searches],
  ['cart_adds', 'UInt32', (session) => session.cartAdds],
  ['checkouts', 'UInt32', (session) => session.checkouts],
  ['purchases', 'UInt32', (session) => session.purchases],
]);

const lateBehaviourTable = table('latebehaviour', [
  ['tenant_id', LABEL, (event) => event.tenantId],
  ['session_id', TEXT, (event) => event.sessionId],
  ['event_id', TEXT, (event) => event.eventId],
  ['kind', LABEL, (event) => event.kind],
  ['product_id', TEXT, (event) => event.productId ?? ''],
  ['at', INSTANT, (event) => instant(event.at)],
]);

/** Every table of view entries. */
export const tables: readonly EntryTable[] = [
  held(productTable, 'products'),
  held(stockTable, 'stock'),
  held(movementTable, 'movements'),
  held(stockEventTable, 'stockEvents'),
  held(priceTable, 'prices'),
  held(priceChangeTable, 'priceChanges'),
  held(orderTable, 'orders'),
  held(saleDeltaTable, 'saleDeltas'),
  held(cartTable, 'carts'),
  held(recommendationTable, 'recommendations'),
  held(sessionTable, 'sessions'),
  held(lateBehaviourTable, 'lateBehaviour'),
];
