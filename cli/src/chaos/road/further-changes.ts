import { openPool } from '@millrace/database/connection';
import pg from 'pg';
import { sleep } from '@millrace/kernel/retry';
import { randomOf } from '../../shop/random.ts';
import type { Random } from '../../shop/random.ts';

type Change = readonly [weight: number, sql: string, values: (random: Random) => unknown[]];

const EVERY_MS = 150;

/** A product of the shop: which one a number from 0 to 1 says. */
const aProduct = `(select product_id from commerce.products order by product_id
  offset floor($1::float8 * (select count(*) from commerce.products)) limit 1)`;

/** What the shop's traffic leaves out: deletes, timers that fire soon, and what is above many products. One transaction each. */
const changes: readonly Change[] = [
  [
    30,
    `with opened as (insert into commerce.carts (status) values ('active') returning cart_id)
     insert into commerce.cart_items (cart_id, product_id, variant_id, quantity)
     select cart_id, v.product_id, v.variant_id, $2::int from opened, commerce.product_variants v where v.product_id = ${aProduct}`,
    (random) => [random.next(), random.int(1, 5)],
  ],
  [
    20,
    `update commerce.cart_items set quantity = 1 + (quantity + $1::int) % 9
     where cart_id in (select cart_id from commerce.carts where status = 'active' order by cart_id desc limit 1)`,
    (random) => [random.int(1, 8)],
  ],
  [15, `delete from commerce.carts where cart_id = (select min(cart_id) from commerce.carts)`, () => []],
  [
    15,
    `with level as (
       update commerce.inventory set reserved = reserved + 1
       where product_id = ${aProduct} and reserved < quantity
       returning product_id, variant_id, warehouse_id)
     insert into commerce.reservations (product_id, variant_id, warehouse_id, quantity, expires_at)
     select product_id, variant_id, warehouse_id, 1, now() + $2::int * interval '1 second' from level`,
    (random) => [random.next(), random.int(1, 20)],
  ],
  [
    25,
    `insert into commerce.behaviour_events (session_id, kind, occurred_at)
     select coalesce((select session_id from commerce.behaviour_events where $1::boolean order by created_at desc limit 1), uuidv7()),
            (array['view', 'search', 'add_to_cart', 'checkout', 'purchase'])[$2::int], now() - $3::int * interval '1 minute'`,
    // Some come for a session that is long over.
    (random) => [random.chance(0.7), random.int(1, 5), random.chance(0.1) ? 3_000 : random.int(0, 50)],
  ],
  [
    10,
    `update commerce.products set status = case status when 'active' then 'archived' else 'active' end where product_id = ${aProduct}`,
    (random) => [random.next()],
  ],
  [
    3,
    `update commerce.categories set name = regexp_replace(name, ' *[0-9]*$', '') || ' ' || $2::int
     where category_id = (select category_id from commerce.categories order by category_id offset floor($1::float8 *
       (select count(*) from commerce.categories)) limit 1)`,
    (random) => [random.next(), random.int(1, 99)],
  ],
  [
    2,
    `update commerce.vendors set name = regexp_replace(name, ' *[0-9]*$', '') || ' ' || $2::int
     where vendor_id = (select vendor_id from commerce.vendors order by vendor_id offset floor($1::float8 *
       (select count(*) from commerce.vendors)) limit 1)`,
    (random) => [random.next(), random.int(1, 99)],
  ],
];

/** Makes such changes until stopped, then answers how many. Those that the database refuses are left out. */
export async function furtherChanges(databaseUrl: string, seed: string, signal: AbortSignal): Promise<number> {
  const pool = openPool({ connectionString: databaseUrl, max: 1, statement_timeout: 10_000 });
  const random = randomOf(seed, 'further changes');
  const stopped = (): boolean => signal.aborted;
  let made = 0;
  try {
    while (!stopped()) {
      const [, sql, values] = drawn(random);
      const done = await pool.query(sql, values(random)).then(
        () => true,
        (error: unknown) => {
          if (error instanceof pg.DatabaseError) return false;
          throw error;
        },
      );
      if (done) made++;
      await sleep(EVERY_MS, signal).catch(() => undefined);
    }
    return made;
  } finally {
    await pool.end();
  }
}

function drawn(random: Random): Change {
  let draw = random.next() * changes.reduce((sum, [weight]) => sum + weight, 0);
  for (const change of changes) {
    draw -= change[0];
    if (draw < 0) return change;
  }
  throw new RangeError('no change was drawn');
}
