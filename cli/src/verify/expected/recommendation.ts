import { list, object, plain } from './json-text.ts';
import { iso } from './kind.ts';
import type { ExpectedKind } from './kind.ts';

const item = list(plain('other_id'), 'score', 'orders');
const document = object({ productId: plain('r.id'), asOf: plain(iso('r.as_of')), items: `concat('[', r.items, ']')` });

/**
 * What was bought with each product at that time: orders of 2 to 50 products that are not called off, each of them for each two of its products, by
 * weeks that begin at an hour from the product's id. The newest week counts a million, one that is n weeks older 2^(-n/4) of that; what ended before
 * that time nothing. Of 12 companions at most: the score, and how many orders.
 */
export const recommendation: ExpectedKind = {
  table: 'products',
  key: 'product_id',
  isPartial: true,
  // Nearly every range of products is in a large part of all orders.
  rangeFactor: 4,
  document,
  texts: { redis: document, clickhouse: document },
  rows: ({ within, at }) => `
  with phased as (
    select product_id, ('x' || right(product_id::text, 4))::bit(16)::int % 168 * 3600 as phase from commerce.products where ${within('product_id')}),
  basket as (
    select o.order_id, o.placed_at, array_agg(distinct i.product_id) as products
    from commerce.orders o join commerce.order_items i using (order_id)
    where o.status not in ('cancelled', 'returned', 'refunded') and o.placed_at > ${at()} - interval '54 weeks'
      and o.order_id in (select order_id from commerce.order_items where ${within('product_id')})
    group by o.order_id
    having count(distinct i.product_id) between 2 and 50),
  counted as (
    select p.product_id, p.phase, b.products, floor((extract(epoch from b.placed_at) - p.phase) / 604800)::int as week
    from basket b cross join lateral unnest(b.products) as own (id) join phased p on p.product_id = own.id),
  standing as (
    select c.*, max(week) over (partition by product_id) as newest
    from counted c
    where (week + 52)::bigint * 604800 + phase > extract(epoch from ${at()})),
  pair as (
    select s.product_id, s.phase, s.newest, other.id as other_id, count(*)::int as orders,
           sum(case when s.newest - s.week >= 52 then 0 else
             round(1000000 * (array[1, 0.8408964152537145, 0.7071067811865476, 0.5946035575013605])[(s.newest - s.week) % 4 + 1]
                   / (1 << (s.newest - s.week) / 4)) end)::bigint as score
    from standing s cross join lateral unnest(s.products) as other (id)
    where other.id <> s.product_id
    group by s.product_id, s.phase, s.newest, other.id),
  placed as (
    select p.*, row_number() over (partition by product_id order by score desc, orders desc, other_id) as place from pair p)
  select product_id as id, to_timestamp(newest::bigint * 604800 + phase) as as_of, string_agg(${item}, ',' order by place) as items
  from placed where place <= 12
  group by product_id, newest, phase`,
};
