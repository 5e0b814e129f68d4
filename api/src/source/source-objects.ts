import type {
  CartView,
  OrderView,
  PriceView,
  ProductView,
  StockStatus,
  StockView,
  ViewData,
} from '@millrace/schemas/views';
import type { Database, Sql } from '../database/database.ts';
import { effectivePriceLateral } from '../database/price-sql.ts';
import type { ObjectKind } from '../views/view-store.ts';

/**
 * Single objects straight from Postgres, in the shape the views have: for a caller whose own write a view does not show yet.
 * Some fields have no source in the tables and are given as far as they are known now: `lowest30d` (today's lowest known), `flags` (none), and
 * what is measured over time (velocities and days of cover: null).
 */
export interface SourceObjects {
  /** Null where there is no such row. */
  read<K extends ObjectKind>(kind: K, id: string): Promise<ViewData[K] | null>;
}

export function createSourceObjects(database: Database): SourceObjects {
  const readers: { readonly [K in ObjectKind]: (sql: Sql, id: string) => Promise<ViewData[K] | null> } = {
    product: readProduct,
    stock: readStock,
    price: readPrice,
    order: readOrder,
    cart: readCart,
  };
  return { read: (kind, id) => database.snapshot((sql) => readers[kind](sql, id)) };
}

const iso = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Query answers with one column `data`. */
async function one<T>(sql: Sql, text: string, id: string): Promise<T | null> {
  return (await sql.first<{ data: T }>(text, [id]))?.data ?? null;
}

/** Levels now: what an active reservation held beyond its time is free again. */
const heldLevels = `
  select i.product_id, i.variant_id, i.warehouse_id, i.quantity, i.low_stock_threshold,
    greatest(i.reserved - coalesce((
      select sum(r.quantity) from commerce.reservations r
      where r.product_id = i.product_id and r.variant_id = i.variant_id and r.warehouse_id = i.warehouse_id
        and r.state = 'active' and r.expires_at <= now()), 0), 0)::int as held
  from commerce.inventory i`;

async function readStock(sql: Sql, id: string): Promise<StockView | null> {
  const levels = `'onHand', coalesce(sum(i.quantity), 0)::int, 'reserved', coalesce(sum(i.held), 0)::int,
    'available', coalesce(sum(i.quantity - i.held), 0)::int`;
  const stock = await one<Omit<StockView, 'status'>>(
    sql,
    `select jsonb_build_object('tenantId', p.tenant_id, 'productId', p.product_id, ${levels},
       'lowStockThreshold', coalesce(max(i.low_stock_threshold), 10),
       'variants', coalesce((
         select jsonb_agg(jsonb_build_object('variantId', v.variant_id, 'onHand', v.on_hand, 'reserved', v.reserved,
           'available', v.on_hand - v.reserved, 'warehouses', v.warehouses) order by v.variant_id)
         from (
           select variant_id, sum(quantity)::int as on_hand, sum(held)::int as reserved,
             jsonb_agg(jsonb_build_object('warehouseId', warehouse_id, 'onHand', quantity, 'reserved', held,
               'available', quantity - held) order by warehouse_id) as warehouses
           from (${heldLevels}) l where product_id = p.product_id group by variant_id) v), '[]'),
       'velocity7d', null, 'velocity28d', null, 'daysOfCover', null, 'projectedStockOutAt', null, 'unexplained', 0,
       'flags', '[]'::jsonb) as data
     from commerce.products p left join (${heldLevels}) i using (product_id)
     where p.product_id = $1 group by p.product_id`,
    id,
  );
  return stock === null ? null : { ...stock, status: stockStatus(stock.available, stock.lowStockThreshold) };
}

function stockStatus(available: number, threshold: number): StockStatus {
  if (available <= 0) return 'out_of_stock';
  return available <= threshold ? 'low_stock' : 'in_stock';
}

async function readPrice(sql: Sql, id: string): Promise<PriceView | null> {
  type Whole = Pick<PriceView, 'amount' | 'currency' | 'listAmount' | 'reason' | 'ruleId' | 'validUntil'>;
  type Row = Omit<PriceView, keyof Whole> & { readonly whole: Whole };
  const price = await one<Row>(
    sql,
    `select jsonb_build_object('tenantId', p.tenant_id, 'productId', p.product_id, 'baseAmount', p.base_price::text,
       'nextChangeAt', (
         select ${iso('min(change.at)')} from commerce.prices s, lateral (values (s.valid_from), (s.valid_to)) as change (at)
         where s.product_id = p.product_id and change.at > now()),
       'lowest30d', (
         select least(p.base_price, min(s.amount))::text from commerce.prices s
         where s.product_id = p.product_id and s.valid_from <= now() and coalesce(s.valid_to, now()) > now() - interval '30 days'),
       'whole', (
         select jsonb_build_object('amount', price.amount::text, 'currency', price.currency, 'listAmount', price.list_amount::text,
           'reason', price.reason, 'ruleId', price.rule_id, 'validUntil', ${iso('price.valid_to')})
         from (select null::uuid as variant_id) v join ${effectivePriceLateral} on true),
       'variants', coalesce((
         select jsonb_agg(jsonb_build_object('variantId', v.variant_id, 'amount', price.amount::text, 'currency', price.currency,
           'listAmount', price.list_amount::text, 'reason', price.reason, 'ruleId', price.rule_id, 'validFrom', ${iso('price.valid_from')}, 'validUntil', ${iso('price.valid_to')})
           order by v.variant_id <> v.product_id, v.variant_id)
         from commerce.product_variants v join ${effectivePriceLateral} on true where v.product_id = p.product_id), '[]')) as data
     from commerce.products p where p.product_id = $1`,
    id,
  );
  if (price === null) return null;
  const { whole, ...rest } = price;
  return { ...rest, ...whole };
}

async function readProduct(sql: Sql, id: string): Promise<ProductView | null> {
  const product = await one<Omit<ProductView, 'stock' | 'price' | 'variants'> & { variants: ProductView['variants'] }>(
    sql,
    `select jsonb_build_object('tenantId', p.tenant_id, 'productId', p.product_id, 'sku', p.sku, 'name', p.name,
       'description', p.description, 'status', p.status, 'categoryId', p.category_id,
       'categoryPath', coalesce((
         with recursive up as (
           select c.category_id, c.parent_id, c.name, 0 as depth from commerce.categories c where c.category_id = p.category_id
           union all
           select c.category_id, c.parent_id, c.name, up.depth + 1
           from commerce.categories c join up on c.category_id = up.parent_id)
         select jsonb_agg(up.name order by up.depth desc) from up), '[]'),
       'vendorId', p.vendor_id, 'vendor', (select name from commerce.vendors where vendor_id = p.vendor_id),
       'tags', coalesce((
         select jsonb_agg(jsonb_build_object('tagId', t.tag_id, 'name', t.name, 'value', pt.value) order by t.name)
         from commerce.product_tags pt join commerce.tags t using (tag_id) where pt.product_id = p.product_id), '[]'),
       'images', coalesce((
         select jsonb_agg(jsonb_build_object('imageId', image_id, 'url', url, 'alt', alt) order by position, image_id)
         from commerce.product_images where product_id = p.product_id), '[]'),
       'attributes', p.attributes,
       'variants', coalesce((
         select jsonb_agg(jsonb_build_object('variantId', v.variant_id, 'sku', v.sku, 'name', v.name, 'attributes', v.attributes,
           'amount', price.amount::text, 'available', coalesce((
             select sum(quantity - held) from (${heldLevels}) i
             where i.product_id = v.product_id and i.variant_id = v.variant_id), 0)::int)
           order by v.variant_id <> v.product_id, v.variant_id)
         from commerce.product_variants v join ${effectivePriceLateral} on true where v.product_id = p.product_id), '[]'),
       'rating', (
         select jsonb_build_object('average', round(avg(rating), 2), 'count', count(*)) from commerce.reviews r
         where r.product_id = p.product_id and r.status = 'published'),
       'createdAt', ${iso('p.created_at')}, 'updatedAt', ${iso('p.updated_at')}) as data
     from commerce.products p where p.product_id = $1`,
    id,
  );
  if (product === null) return null;
  const [stock, price] = [await readStock(sql, id), await readPrice(sql, id)];
  return {
    ...product,
    price: price === null ? null : { amount: price.amount, currency: price.currency },
    stock: { available: stock?.available ?? 0, status: stock?.status ?? 'out_of_stock' },
  };
}

/** A line that was deleted left no trace in the tables: the last activity is that of the rows that are there. */
function readCart(sql: Sql, id: string): Promise<CartView | null> {
  return one<CartView>(
    sql,
    `select jsonb_build_object('tenantId', c.tenant_id, 'cartId', c.cart_id, 'customerId', c.customer_id, 'status', c.status,
       'items', lines.items, 'units', lines.units, 'createdAt', ${iso('c.created_at')}, 'lastActivityAt', ${iso('active.at')},
       'abandonedAt', case when c.status = 'active' and lines.units > 0 and active.at <= now() - interval '24 hours'
         then ${iso("(active.at + interval '24 hours')")} end) as data
     from commerce.carts c
     cross join lateral (
       select coalesce(jsonb_agg(jsonb_build_object('productId', i.product_id, 'variantId', i.variant_id, 'quantity', i.quantity)
           order by i.product_id, i.variant_id), '[]') as items,
         coalesce(sum(i.quantity), 0)::int as units, max(i.updated_at) as at
       from commerce.cart_items i where i.cart_id = c.cart_id) lines
     cross join lateral (select greatest(c.updated_at, lines.at) as at) active
     where c.cart_id = $1`,
    id,
  );
}

function readOrder(sql: Sql, id: string): Promise<OrderView | null> {
  return one<OrderView>(
    sql,
    `select jsonb_build_object('tenantId', o.tenant_id, 'orderId', o.order_id, 'orderNumber', o.order_number,
       'customerId', o.customer_id, 'status', o.status, 'currency', o.currency, 'subtotal', o.subtotal::text,
       'discountAmount', o.discount_amount::text, 'taxAmount', o.tax_amount::text, 'shippingAmount', o.shipping_amount::text,
       'totalAmount', o.total_amount::text, 'placedAt', ${iso('o.placed_at')},
       'items', coalesce((
         select jsonb_agg(jsonb_build_object('itemId', i.item_id, 'productId', i.product_id, 'variantId', i.variant_id,
           'vendorId', i.vendor_id, 'name', i.name, 'quantity', i.quantity, 'unitPrice', i.unit_price::text,
           'totalPrice', i.total_price::text) order by i.item_id)
         from commerce.order_items i where i.order_id = o.order_id), '[]'),
       'timeline', coalesce((
         select jsonb_agg(jsonb_build_object('status', h.to_status, 'at', ${iso('h.at')}) order by h.at, h.history_id)
         from commerce.order_status_history h where h.order_id = o.order_id), '[]'),
       'flags', '[]'::jsonb, 'paidAmount', money.paid::text, 'refundedAmount', money.refunded::text,
       'paymentStatus', case
         when money.refunded >= money.paid and money.refunded > 0 then 'refunded'
         when money.refunded > 0 then 'partially_refunded'
         when money.paid > 0 and money.paid >= o.total_amount then 'paid'
         when money.paid > 0 then 'partially_paid'
         when money.started then 'pending'
         when money.failed then 'failed'
         else 'unpaid' end,
       'shippingStatus', case
         when goods.returned then 'returned'
         when goods.gone is not true then 'unshipped'
         when goods.waiting then 'partially_shipped'
         when goods.arrived then 'delivered'
         else 'shipped' end,
       'promisedBy', null, 'late', false,
       'payments', coalesce((
         select jsonb_agg(jsonb_build_object('paymentId', p.payment_id, 'provider', p.provider, 'status', p.status,
           'amount', p.amount::text, 'currency', p.currency) order by p.payment_id)
         from commerce.payments p where p.order_id = o.order_id), '[]'),
       'refunds', coalesce((
         select jsonb_agg(jsonb_build_object('refundId', r.refund_id, 'status', r.status, 'amount', r.amount::text) order by r.refund_id)
         from commerce.refunds r where r.order_id = o.order_id), '[]'),
       'shipments', coalesce((
         select jsonb_agg(jsonb_build_object('shipmentId', s.shipment_id, 'status', s.status, 'carrier', s.carrier,
           'tracking', s.tracking, 'shippedAt', ${iso('s.shipped_at')}, 'deliveredAt', ${iso('s.delivered_at')}) order by s.shipment_id)
         from commerce.shipments s where s.order_id = o.order_id), '[]'),
       'returns', coalesce((
         select jsonb_agg(jsonb_build_object('returnId', r.return_id, 'status', r.status, 'reason', r.reason) order by r.return_id)
         from commerce.returns r where r.order_id = o.order_id), '[]')) as data
     from commerce.orders o
     cross join lateral (
       select coalesce(sum(p.amount) filter (where p.status in ('completed', 'refunded')), 0)::numeric(12,2) as paid,
         greatest(
           coalesce(sum(p.amount) filter (where p.status = 'refunded'), 0),
           coalesce((select sum(r.amount) from commerce.refunds r where r.order_id = o.order_id and r.status = 'completed'), 0)
         )::numeric(12,2) as refunded,
         bool_or(p.status = 'initiated') as started, bool_or(p.status = 'failed') as failed
       from commerce.payments p where p.order_id = o.order_id) money
     cross join lateral (
       select bool_or(s.status = 'returned') as returned, bool_or(s.status <> 'pending') as gone,
         bool_or(s.status = 'pending') as waiting, bool_and(s.status = 'delivered') as arrived
       from commerce.shipments s where s.order_id = o.order_id and s.status not in ('cancelled', 'failed')) goods
     where o.order_id = $1`,
    id,
  );
}
