import { entry, fields, list, object, plain, text } from './json-text.ts';
import { iso } from './kind.ts';
import type { ExpectedKind } from './kind.ts';

const [unit, total] = [plain('unit_price'), plain('total_price')];
const item = entry('item_id', list(plain('product_id'), plain('variant_id'), 'quantity', unit, total));
const line = entry('item_id', list(plain('product_id'), 'quantity', unit, total));

/** What Redis and ClickHouse have both, as fields of JSON: made once. */
const head = fields({
  orderNumber: text('o.order_number'),
  status: plain('o.status'),
  currency: plain('o.currency'),
  subtotal: plain('o.subtotal'),
  discountAmount: plain('o.discount_amount'),
  taxAmount: plain('o.tax_amount'),
  shippingAmount: plain('o.shipping_amount'),
  totalAmount: plain('o.total_amount'),
  placedAt: plain(iso('o.placed_at')),
});

const document = object({ orderId: plain('r.id'), customerId: plain('r.customer_id') }, 'r.head', {
  items: `concat('{', r.items, '}')`,
  statuses: `concat('[', r.statuses, ']')`,
  paidAmount: plain('r.paid'),
  refundedAmount: plain('r.refunded'),
  shipments: `concat('{', r.shipments, '}')`,
  returns: `concat('{', r.returns, '}')`,
});

/**
 * The parts are made by one pass over each table in key order, which is what makes a million orders quick. `offset 0` keeps Postgres from making `head`
 * again for each of its texts.
 */
export const order: ExpectedKind = {
  table: 'orders',
  key: 'order_id',
  document,
  texts: { redis: document, clickhouse: object('r.head', { items: `concat('{', r.lines, '}')` }) },
  rows: ({ within }) => `
    select o.order_id as id, ${head} as head, o.customer_id, i.items, i.lines, h.statuses, s.shipments, b.returns,
           coalesce(p.paid, 0)::numeric(12,2) as paid, greatest(f.refunded, p.refunded, 0)::numeric(12,2) as refunded
    from commerce.orders o
    left join (
      select order_id, string_agg(${item}, ',' order by item_id) as items, string_agg(${line}, ',' order by item_id) as lines
      from commerce.order_items where ${within('order_id')} group by order_id) i using (order_id)
    left join (
      select order_id, string_agg(${plain('to_status')}, ',' order by at, history_id) as statuses
      from commerce.order_status_history where ${within('order_id')} group by order_id) h using (order_id)
    left join (
      select order_id, sum(amount) filter (where status in ('completed', 'refunded')) as paid,
             sum(amount) filter (where status = 'refunded') as refunded
      from commerce.payments where ${within('order_id')} group by order_id) p using (order_id)
    left join (
      select order_id, sum(amount) as refunded
      from commerce.refunds where status = 'completed' and ${within('order_id')} group by order_id) f using (order_id)
    left join (
      select order_id, string_agg(${entry('shipment_id', plain('status'))}, ',' order by shipment_id) as shipments
      from commerce.shipments where ${within('order_id')} group by order_id) s using (order_id)
    left join (
      select order_id, string_agg(${entry('return_id', plain('status'))}, ',' order by return_id) as returns
      from commerce.returns where ${within('order_id')} group by order_id) b using (order_id)
    where ${within('o.order_id')}
    offset 0`,
};
