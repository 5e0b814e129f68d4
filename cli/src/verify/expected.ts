import type pg from 'pg';
import { recommendationQuery } from './expected-recommendations.ts';
import { knownSessions, sessionIds, sessionQuery } from './expected-sessions.ts';

/**
 * What each view must hold, recomputed from the tables by SQL that shares nothing with the processors, so that a wrong processor is found.
 * Each query answers `(id text, document jsonb)` for the ids in $1. Not compared: what has a history that the tables do not hold (`lowest30d`, when
 * a cart was left).
 */
export type DocumentKind = 'product' | 'stock' | 'price' | 'order' | 'sale' | 'cart' | 'recommendation' | 'session';
export type Documents = Map<string, Record<string, unknown>>;

const iso = (expression: string) => `to_char(${expression} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Levels at $2: a reservation that has expired holds nothing, also where nobody has released it yet. */
const levels = `
  select i.*, case when e.expired > i.reserved then 0 else i.reserved - coalesce(e.expired, 0) end as held
  from commerce.inventory i
  left join (
    select product_id, variant_id, warehouse_id, sum(quantity)::int as expired
    from commerce.reservations where state = 'active' and expires_at <= $2::timestamptz and product_id = any($1::uuid[])
    group by product_id, variant_id, warehouse_id) e using (product_id, variant_id, warehouse_id)
  where i.product_id = any($1::uuid[])`;

const stockOf = `
  select p.product_id,
         coalesce(sum(i.quantity), 0)::int as on_hand,
         coalesce(sum(i.held), 0)::int as reserved,
         coalesce(sum(i.quantity - i.held), 0)::int as available,
         coalesce(max(i.low_stock_threshold), 10) as threshold
  from commerce.products p left join (${levels}) i using (product_id)
  where p.product_id = any($1::uuid[])
  group by p.product_id`;

const statusOf = `case when s.available <= 0 then 'out_of_stock' when s.available <= s.threshold then 'low_stock' else 'in_stock' end`;

/**
 * The prices at $2. List price: the scheduled price in force, the variant's own before the product's, the latest started first; else the base
 * price. The product's own price (`variant_id` null) knows no variant's. Then the rule: what stands above the product is laid out as pairs
 * (scope, id), the rules of those pairs are applied, and the best of them is taken.
 */
const priceOf = `
  select v.product_id, v.variant_id, coalesce(ruled.amount, v.amount) as amount, v.currency
  from (
    select v.product_id, v.variant_id, coalesce(s.amount, p.base_price) as amount, coalesce(s.currency, p.currency) as currency
    from (
      select product_id, variant_id from commerce.product_variants
      union all
      select product_id, null from commerce.products) v
    join commerce.products p using (product_id)
    left join lateral (
      select c.amount, c.currency from commerce.prices c
      where c.product_id = v.product_id and (c.variant_id is null or c.variant_id = v.variant_id)
        and c.valid_from <= $2::timestamptz and (c.valid_to is null or c.valid_to > $2::timestamptz)
      order by c.variant_id is null, c.valid_from desc, c.price_id desc limit 1
    ) s on true
    where v.product_id = any($1::uuid[])) v
  left join lateral (
    select offer.amount
    from applicable r
    cross join lateral (
      select (case when v.currency = 'JPY' then greatest(round(cut), 1) else greatest(round(cut, 2), 0.01) end)::numeric(12,2) as amount
      from (values (case r.kind when 'fixed' then r.value when 'amount' then v.amount - r.value
                                else v.amount - v.amount * r.value / 100 end)) as reduction (cut)) offer
    where r.product_id = v.product_id
    order by r.priority desc, offer.amount limit 1
  ) ruled on true`;

/** The rules in force at $2, once for each product in $1 that has their scope. */
const applicable = `
  scoped (product_id, tenant_id, scope, scope_id) as (
    select p.product_id, p.tenant_id, s.scope::text, s.id
    from commerce.products p
    cross join lateral (
      values ('product', p.product_id), ('vendor', p.vendor_id)
      union all select 'tag', t.tag_id from commerce.product_tags t where t.product_id = p.product_id) as s (scope, id)
    where p.product_id = any($1::uuid[])
    union all
    select p.product_id, p.tenant_id, 'category', a.category_id
    from commerce.products p
    join above a on a.start_id = p.category_id
    where p.product_id = any($1::uuid[])),
  above (start_id, category_id, parent_id) as (
    select category_id, category_id, parent_id from commerce.categories
    union all
    select above.start_id, c.category_id, c.parent_id from above join commerce.categories c on c.category_id = above.parent_id),
  applicable as (
    select distinct s.product_id, r.*
    from scoped s
    join commerce.price_rules r on r.scope = s.scope and r.scope_id = s.scope_id and r.tenant_id = s.tenant_id
    where r.active and r.valid_from <= $2::timestamptz and coalesce(r.valid_to > $2::timestamptz, true))`;

/** Kinds whose documents depend on the time. */
const timed: ReadonlySet<DocumentKind> = new Set(['price', 'product', 'stock', 'recommendation']);

const queries: Readonly<Record<DocumentKind, string>> = {
  stock: `
    with s as (${stockOf})
    select s.product_id::text as id, jsonb_build_object(
      'productId', s.product_id, 'onHand', s.on_hand, 'reserved', s.reserved, 'available', s.available, 'status', ${statusOf},
      'warehouses', coalesce((
        select jsonb_object_agg(i.variant_id || '/' || i.warehouse_id, jsonb_build_array(i.quantity, i.held, i.quantity - i.held))
        from (${levels}) i where i.product_id = s.product_id), '{}')) as document
    from s`,
  price: `
    with recursive ${applicable}, v as (${priceOf})
    select p.product_id::text as id, jsonb_build_object(
      'productId', p.product_id, 'baseAmount', p.base_price::text,
      'amount', min(v.amount::text) filter (where v.variant_id is null),
      'currency', min(v.currency) filter (where v.variant_id is null),
      'variants', coalesce(
        jsonb_object_agg(v.variant_id, jsonb_build_array(v.amount::text, v.currency)) filter (where v.variant_id is not null),
        '{}')) as document
    from v join commerce.products p using (product_id)
    group by p.product_id, p.base_price`,
  product: `
    with recursive s as (${stockOf}), ${applicable}, v as (${priceOf})
    select p.product_id::text as id, jsonb_build_object(
      'productId', p.product_id, 'sku', p.sku, 'name', p.name, 'description', p.description, 'status', p.status,
      'categoryPath', coalesce((
        with recursive up as (
          select c.category_id, c.parent_id, c.name, 0 as depth from commerce.categories c where c.category_id = p.category_id
          union all
          select c.category_id, c.parent_id, c.name, up.depth + 1 from commerce.categories c join up on c.category_id = up.parent_id)
        select jsonb_agg(up.name order by up.depth desc) from up), '[]'),
      'vendor', (select v.name from commerce.vendors v where v.vendor_id = p.vendor_id),
      'attributes', p.attributes,
      'tags', coalesce((
        select jsonb_object_agg(t.name, pt.value) from commerce.product_tags pt join commerce.tags t using (tag_id)
        where pt.product_id = p.product_id), '{}'),
      'variants', coalesce((
        select jsonb_object_agg(v.variant_id, jsonb_build_array(v.sku, v.name)) from commerce.product_variants v
        where v.product_id = p.product_id), '{}'),
      'price', (select jsonb_build_array(v.amount::text, v.currency) from v where v.product_id = p.product_id and v.variant_id is null),
      'stock', jsonb_build_object('available', s.available, 'status', ${statusOf}),
      'ratingCount', (select count(*) from commerce.reviews r where r.product_id = p.product_id and r.status = 'published')) as document
    from commerce.products p join s using (product_id)`,
  order: `
    select o.order_id::text as id, jsonb_build_object(
      'orderId', o.order_id, 'orderNumber', o.order_number, 'customerId', o.customer_id, 'status', o.status,
      'currency', o.currency, 'subtotal', o.subtotal::text, 'discountAmount', o.discount_amount::text,
      'taxAmount', o.tax_amount::text, 'shippingAmount', o.shipping_amount::text, 'totalAmount', o.total_amount::text,
      'placedAt', ${iso('o.placed_at')},
      'items', coalesce((
        select jsonb_object_agg(i.item_id, jsonb_build_array(i.product_id, i.variant_id, i.quantity, i.unit_price::text, i.total_price::text))
        from commerce.order_items i where i.order_id = o.order_id), '{}'),
      'statuses', coalesce((
        select jsonb_agg(h.to_status order by h.at, h.history_id) from commerce.order_status_history h where h.order_id = o.order_id), '[]'),
      'paidAmount', (
        select coalesce(sum(p.amount) filter (where p.status in ('completed', 'refunded')), 0)::numeric(12,2)::text
        from commerce.payments p where p.order_id = o.order_id),
      'refundedAmount', greatest(
        (select coalesce(sum(r.amount), 0) from commerce.refunds r where r.order_id = o.order_id and r.status = 'completed'),
        (select coalesce(sum(p.amount), 0) from commerce.payments p where p.order_id = o.order_id and p.status = 'refunded')
        )::numeric(12,2)::text,
      'shipments', coalesce((
        select jsonb_object_agg(s.shipment_id, s.status) from commerce.shipments s where s.order_id = o.order_id), '{}'),
      'returns', coalesce((
        select jsonb_object_agg(r.return_id, r.status) from commerce.returns r where r.order_id = o.order_id), '{}')
      ) as document
    from commerce.orders o where o.order_id = any($1::uuid[])`,
  sale: `
    select o.order_id::text as id, jsonb_build_object(
      'lines', jsonb_object_agg(i.item_id, jsonb_build_array(i.product_id, o.currency, i.quantity, i.total_price::text))) as document
    from commerce.orders o join commerce.order_items i using (order_id)
    where o.order_id = any($1::uuid[]) and o.status <> 'cancelled'
    group by o.order_id`,
  recommendation: recommendationQuery,
  session: sessionQuery,
  cart: `
    select c.cart_id::text as id, jsonb_build_object(
      'cartId', c.cart_id, 'customerId', c.customer_id, 'status', c.status, 'createdAt', ${iso('c.created_at')},
      'items', coalesce((
        select jsonb_object_agg(i.product_id || '/' || i.variant_id, i.quantity) from commerce.cart_items i where i.cart_id = c.cart_id), '{}')
      ) as document
    from commerce.carts c where c.cart_id = any($1::uuid[])`,
};

const idQueries: Readonly<Record<DocumentKind, string>> = {
  product: productIds(),
  stock: productIds(),
  price: productIds(),
  order: orderIds(),
  sale: orderIds(),
  recommendation: productIds(),
  session: sessionIds,
  cart: `select cart_id::text as id from commerce.carts where ($1::uuid is null or cart_id > $1::uuid) order by cart_id limit $2`,
};

const existing: Readonly<Record<DocumentKind, string>> = {
  product: existingProducts(),
  stock: existingProducts(),
  price: existingProducts(),
  order: existingOrders(),
  sale: existingOrders(),
  recommendation: existingProducts(),
  session: knownSessions,
  cart: `select cart_id::text as id from commerce.carts where cart_id = any($1::uuid[])`,
};

function existingProducts(): string {
  return `select product_id::text as id from commerce.products where product_id = any($1::uuid[])`;
}

function existingOrders(): string {
  return `select order_id::text as id from commerce.orders where order_id = any($1::uuid[])`;
}

function productIds(): string {
  return `select product_id::text as id from commerce.products where ($1::uuid is null or product_id > $1::uuid) order by product_id limit $2`;
}

function orderIds(): string {
  return `select order_id::text as id from commerce.orders where ($1::uuid is null or order_id > $1::uuid) order by order_id limit $2`;
}

/** @param at the stream time that the view has reached: prices begin and end without any row changing. */
export async function expectedDocuments(
  client: pg.Client,
  kind: DocumentKind,
  ids: readonly string[],
  at: Date,
): Promise<Documents> {
  const wanted = ids.filter(isDocumentId);
  const values = timed.has(kind) ? [wanted, at] : [wanted];
  const { rows } = await client.query<{ id: string; document: Record<string, unknown> }>(queries[kind], values);
  return new Map(rows.map((row) => [row.id, row.document]));
}

/** Which of the ids have a row at the pinned position. */
export async function knownIds(
  client: pg.Client,
  kind: DocumentKind,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ id: string }>(existing[kind], [ids.filter(isDocumentId)]);
  return new Set(rows.map(({ id }) => id));
}

/** A store may hold what is no id of ours at all: no row is behind it. */
export function isDocumentId(id: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
}

/** All ids of the kind at the pinned position, in pages, in id order. */
export async function* expectedIds(client: pg.Client, kind: DocumentKind, pageSize = 1000): AsyncGenerator<string[]> {
  let after: string | null = null;
  for (;;) {
    const { rows }: { rows: { id: string }[] } = await client.query<{ id: string }>(idQueries[kind], [after, pageSize]);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map((row) => row.id);
    after = last.id;
  }
}
