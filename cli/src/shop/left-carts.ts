import type { Pool } from 'pg';

const CARTS = 300;

/**
 * Carts of the last three days, for a shop that has none: most of them have been left by now, and the others will be, one after the other, in the
 * next day. Carts that begin today would show nothing of that before tomorrow. Does nothing where there is a cart.
 */
export async function leaveCarts(pool: Pool): Promise<void> {
  await pool.query(
    `with opened as (
       insert into commerce.carts (customer_id, created_at, updated_at)
       select customer_id, now() - n * interval '14 minutes 24 seconds', now() - n * interval '14 minutes 24 seconds'
       from generate_series(1, $1::int) as n
       join (select customer_id, row_number() over (order by customer_id) - 1 as place, count(*) over () as many from commerce.customers) c
         on c.place = n % c.many
       where not exists (select from commerce.carts)
       returning cart_id, updated_at),
     cart as (select *, row_number() over (order by updated_at) as n from opened),
     offer as (select product_id, variant_id, row_number() over (order by product_id, variant_id) as n, count(*) over () as many
               from commerce.product_variants)
     insert into commerce.cart_items (cart_id, product_id, variant_id, quantity, created_at, updated_at)
     select c.cart_id, o.product_id, o.variant_id, 1 + c.n % 3, c.updated_at, c.updated_at
     from cart c join offer o on o.n in (c.n * 37 % o.many + 1, c.n * 53 % o.many + 1)`,
    [CARTS],
  );
}
