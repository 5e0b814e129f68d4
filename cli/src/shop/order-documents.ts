import type { Catalog } from './catalog.ts';
import { groupBy } from './catalog.ts';
import { addressOf, customerId } from './customer-rows.ts';
import { moneyText } from './money.ts';
import { lineAmounts } from './order-line.ts';
import { randomOf, stableId } from './random.ts';
import type { ReferenceIds } from './reference-rows.ts';
import { madeAt, timeText } from './rows.ts';
import type { Row } from './rows.ts';
import type { SourceLine } from './source.ts';
import { statusesUntil } from './status-times.ts';
import type { StatusTime } from './status-times.ts';
import { shipModes } from './vocabulary.ts';

/** All that one order writes in its commit, by table; `stock` is what it takes out of inventory, one entry per row of it. */
export interface OrderDocument {
  readonly order: Row;
  readonly order_items: readonly Row[];
  readonly order_status_history: readonly Row[];
  readonly payments: readonly Row[];
  readonly shipments: readonly Row[];
  readonly stock_movements: readonly Row[];
  readonly reviews: readonly Row[];
  readonly stock: readonly Row[];
}

/** The day after the source's last order: what would have happened later has not happened yet. */
const sourceEnd = Date.UTC(2018, 0, 1);
const hour = 3_600_000;

export interface OrderContext {
  readonly catalog: Catalog;
  readonly ids: ReferenceIds;
  readonly joined: ReadonlyMap<string, number>;
  readonly seed: string;
}

/**
 * The source's orders in the order they were placed: by day, and within a day at times the seed gives. None is cancelled
 * or returned, and all are paid, so that revenue is the source's however a store counts it.
 */
export function orderDocuments(lines: readonly SourceLine[], context: OrderContext): readonly OrderDocument[] {
  const orders = [...groupBy(lines, (line) => line.orderNumber).values()];
  const rank = new Map(orders.map((group) => [group, randomOf(context.seed, 'time', numberOf(group)).uint32()]));
  const days = [...groupBy(orders, (group) => String(group[0]?.orderedOn).padStart(15, '0'))].sort(([one], [other]) =>
    one < other ? -1 : 1,
  );
  return days.flatMap(([text, group]) => {
    const ordered = group.sort((one, other) => (rank.get(one) ?? 0) - (rank.get(other) ?? 0));
    const step = (14 * hour) / (ordered.length + 1);
    return ordered.map((order, at) => document(order, Number(text) + 7 * hour + Math.floor(step * (at + 1)), context));
  });
}

function numberOf(lines: readonly SourceLine[]): string {
  return lines[0]?.orderNumber ?? '';
}

function document(lines: readonly SourceLine[], placedAt: number, context: OrderContext): OrderDocument {
  const [first] = lines;
  if (first === undefined) throw new RangeError('an order without lines');
  const { seed } = context;
  const id = (kind: string, ...parts: (string | number)[]) =>
    stableId(placedAt, seed, kind, first.orderNumber, ...parts);
  const order_id = id('order');
  const mode = shipModes[first.shipMode] ?? { transitHours: 98, carrier: 'Overland Post' };
  const shippedAt = Math.max(first.shippedOn + 16 * hour, placedAt + 2 * hour);
  const times = statusesUntil(placedAt, shippedAt, shippedAt + mode.transitHours * hour, sourceEnd);
  const changedAt = times.at(-1)?.at ?? placedAt;
  const subtotal = lines.reduce((sum, line) => sum + lineAmounts(line).totalCents, 0);
  const made = madeAt(placedAt);
  return {
    order: {
      order_id,
      order_number: first.orderNumber,
      customer_id: customerId(first, context.joined.get(first.customer) ?? first.orderedOn, seed),
      status: times.at(-1)?.status ?? 'pending',
      currency: 'USD',
      subtotal: moneyText(subtotal),
      discount_amount: '0.00',
      tax_amount: '0.00',
      shipping_amount: '0.00',
      total_amount: moneyText(subtotal),
      shipping_address: addressOf(first, seed),
      placed_at: timeText(placedAt),
      ...madeAt(placedAt, changedAt),
    },
    order_items: lines.map((line) => ({ order_id, item_id: id('item', line.row), ...itemOf(line, context), ...made })),
    order_status_history: times.map(({ status, at }, index) => ({
      order_id,
      history_id: stableId(at, seed, 'history', first.orderNumber, status),
      from_status: times[index - 1]?.status ?? null,
      to_status: status,
      at: timeText(at),
      ...madeAt(at),
    })),
    payments: [
      {
        order_id,
        payment_id: id('payment'),
        provider: randomOf(seed, 'provider', first.orderNumber).pick(['card', 'invoice', 'wallet']),
        provider_ref: `demo-${first.orderNumber}`,
        status: 'completed',
        amount: moneyText(subtotal),
        currency: 'USD',
        ...madeAt(placedAt, timeOf(times, 'paid') ?? placedAt),
      },
    ],
    shipments: shipmentRows(times, order_id, id('shipment'), mode.carrier, first.orderNumber),
    ...stockRows(lines, order_id, placedAt, context),
    reviews: lines.flatMap((line) => reviewRows(line, placedAt, context)),
  };
}

function itemOf(line: SourceLine, { catalog, ids }: OrderContext): Row {
  const { product, variant } = catalog.itemOf(line);
  const { unitCents, discountCents, totalCents } = lineAmounts(line);
  return {
    product_id: product.productId,
    variant_id: variant.variantId,
    vendor_id: ids.vendor(product.vendor),
    name: variant.name,
    quantity: line.quantity,
    unit_price: moneyText(unitCents),
    discount_amount: moneyText(discountCents),
    total_price: moneyText(totalCents),
  };
}

function timeOf(times: readonly StatusTime[], status: StatusTime['status']): number | undefined {
  return times.find((time) => time.status === status)?.at;
}

function shipmentRows(
  times: readonly StatusTime[],
  order_id: string,
  shipment_id: string,
  carrier: string,
  orderNumber: string,
): readonly Row[] {
  const shipped = timeOf(times, 'shipped');
  if (shipped === undefined) return [];
  const delivered = timeOf(times, 'delivered');
  return [
    {
      order_id,
      shipment_id,
      status: delivered === undefined ? 'in_transit' : 'delivered',
      carrier,
      tracking: `TRK${orderNumber.replaceAll('-', '')}`,
      shipped_at: timeText(shipped),
      delivered_at: delivered === undefined ? null : timeText(delivered),
      ...madeAt(shipped, delivered ?? shipped),
    },
  ];
}

function stockRows(lines: readonly SourceLine[], order_id: string, placedAt: number, context: OrderContext) {
  const { catalog, ids, seed } = context;
  const taken = groupBy(lines, (line) => catalog.itemOf(line).variant.variantId);
  const stock: Row[] = [];
  const stock_movements: Row[] = [];
  for (const [variant_id, group] of [...taken].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const [first] = group;
    if (first === undefined) continue;
    const quantity = group.reduce((sum, line) => sum + line.quantity, 0);
    const product_id = catalog.itemOf(first).product.productId;
    const place = { product_id, variant_id, warehouse_id: ids.warehouse(first.region) };
    const movement_id = stableId(placedAt, seed, 'sale', first.orderNumber, variant_id);
    stock.push({ ...place, quantity, updated_at: timeText(placedAt) });
    stock_movements.push({ ...place, movement_id, delta: -quantity, kind: 'sale', order_id, ...madeAt(placedAt) });
  }
  return { stock, stock_movements };
}

/** One line in ten is reviewed. */
function reviewRows(line: SourceLine, placedAt: number, context: OrderContext): readonly Row[] {
  const random = randomOf(context.seed, 'review', line.row);
  if (!random.chance(0.1)) return [];
  const rating = random.pick([5, 5, 5, 4, 4, 4, 3, 3, 2, 1]);
  const title = ['Not for me', 'Could be better', 'Does the job', 'Good', 'Would buy again'][rating - 1] ?? 'Good';
  return [
    {
      product_id: context.catalog.itemOf(line).product.productId,
      review_id: stableId(placedAt, context.seed, 'review', line.row),
      customer_id: customerId(line, context.joined.get(line.customer) ?? line.orderedOn, context.seed),
      rating,
      title,
      body: `${title}: ${line.productName}.`,
      status: 'published',
      ...madeAt(placedAt),
    },
  ];
}
