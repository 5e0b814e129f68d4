import type pg from 'pg';

/** So many orders of now, each of three products that are there, next to one another in the catalogue; every fifth is called off. */
export async function placeOrders(sql: pg.Pool, count: number): Promise<void> {
  await sql.query(
    `with placed as (
       insert into commerce.orders (status, total_amount)
       select case when n % 5 = 0 then 'cancelled' else 'paid' end, 0 from generate_series(1, $1::int) as n returning order_id),
     counted as (select order_id, row_number() over (order by order_id) as n from placed),
     offer as (select product_id, variant_id, row_number() over (order by product_id, variant_id) as n, count(*) over () as many
               from commerce.product_variants)
     insert into commerce.order_items (order_id, product_id, variant_id, quantity, unit_price, total_price)
     select c.order_id, o.product_id, o.variant_id, 1, 0, 0
     from counted c join offer o on o.n in (c.n % o.many + 1, (c.n + 1) % o.many + 1, (c.n * 7) % o.many + 1)`,
    [count],
  );
}
