import type pg from 'pg';

/** So many open carts of two lines each, of products that are there. */
export async function fillCarts(sql: pg.Pool, count: number): Promise<void> {
  await sql.query(
    `with opened as (
       insert into commerce.carts (status) select 'active' from generate_series(1, $1::int) returning cart_id),
     cart as (select cart_id, row_number() over (order by cart_id) as n from opened),
     variant as (select product_id, variant_id, row_number() over (order by product_id, variant_id) as n, count(*) over () as many
                 from commerce.product_variants)
     insert into commerce.cart_items (cart_id, product_id, variant_id, quantity)
     select cart_id, product_id, variant_id, 1 + cart.n % 3
     from cart join variant on variant.n in (cart.n % many + 1, cart.n * 7 % many + 1)`,
    [count],
  );
}
