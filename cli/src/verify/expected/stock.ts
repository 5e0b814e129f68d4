import { entry, list, object, plain } from './json-text.ts';
import type { ExpectedKind, Scope } from './kind.ts';

/** Levels with what is reserved at that time: a reservation that has expired holds nothing, also where nobody has released it yet. */
const levels = ({ within, at }: Scope): string => `
  select i.*, case when e.expired > i.reserved then 0 else i.reserved - coalesce(e.expired, 0) end as held
  from commerce.inventory i
  left join (
    select product_id, variant_id, warehouse_id, sum(quantity)::int as expired
    from commerce.reservations where state = 'active' and expires_at <= ${at()} and ${within('product_id')}
    group by product_id, variant_id, warehouse_id) e using (product_id, variant_id, warehouse_id)
  where ${within('i.product_id')}`;

const level = entry(`variant_id || '/' || warehouse_id`, list('quantity', 'held', 'quantity - held'));

/** A row for each product that has a row of stock: sums, and the levels as entries of JSON. */
export const stockSums = (scope: Scope): string => `
  select product_id, sum(quantity)::int as on_hand, sum(held)::int as reserved, sum(quantity - held)::int as available,
         max(low_stock_threshold) as threshold, string_agg(${level}, ',' order by variant_id, warehouse_id) as levels
  from (${levels(scope)}) l group by product_id`;

export const stockStatus = `case when r.available <= 0 then 'out_of_stock' when r.available <= r.threshold then 'low_stock' else 'in_stock' end`;

const warehouses = `concat('{', r.levels, '}')`;
const document = object({
  productId: plain('r.id'),
  onHand: 'r.on_hand',
  reserved: 'r.reserved',
  available: 'r.available',
  status: plain(stockStatus),
  warehouses,
});

export const stock: ExpectedKind = {
  table: 'products',
  key: 'product_id',
  document,
  // A product that is stocked nowhere has no row in ClickHouse.
  texts: { redis: document, clickhouse: `case when r.levels is not null then ${object({ warehouses })} end` },
  rows: (scope) => `
    select p.product_id as id, coalesce(s.on_hand, 0) as on_hand, coalesce(s.reserved, 0) as reserved, coalesce(s.available, 0) as available,
           coalesce(s.threshold, 10) as threshold, s.levels
    from commerce.products p left join (${stockSums(scope)}) s using (product_id)
    where ${scope.within('p.product_id')}`,
};
