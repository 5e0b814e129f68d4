import type pg from 'pg';
import { PlatformError } from '@millrace/kernel/errors';
import type { Random } from './random.ts';
import type { CartLine, OpenOrder, Offer, TagAssignment } from './traffic-target.ts';
import { zipf } from './zipf.ts';

/** A cart that nobody has ordered yet. */
export interface OpenCart {
  readonly cartId: string;
  readonly customerId: string;
  readonly lines: readonly CartLine[];
}

const limits = { offers: 4000, customers: 1000, openOrders: 5000, tagged: 1000, carts: 200, sessions: 50 } as const;

/** The part of the shop that traffic moves in: a sample of what is for sale, and the orders that are still on their way. */
export class World {
  readonly #offers: readonly Offer[];
  readonly #customers: readonly string[];
  readonly #tags: readonly string[];
  readonly #pickOffer: (random: Random) => number;
  readonly #open: OpenOrder[];
  readonly #tagged: TagAssignment[] = [];
  readonly #carts: OpenCart[] = [];
  readonly #sessions: string[] = [];

  constructor(
    offers: readonly Offer[],
    customers: readonly string[],
    tags: readonly string[],
    open: readonly OpenOrder[],
  ) {
    this.#offers = offers;
    this.#customers = customers;
    this.#tags = tags;
    this.#pickOffer = zipf(offers.length);
    this.#open = [...open];
  }

  /** By popularity. */
  offer(random: Random): Offer {
    const offer = this.#offers[this.#pickOffer(random)];
    if (offer === undefined) throw new RangeError('nothing for sale');
    return offer;
  }

  customer(random: Random): string {
    return random.pick(this.#customers);
  }

  /** Takes some open order out; it comes back by `opened`, once it has moved. Undefined: there is none. */
  takeOpen(random: Random): OpenOrder | undefined {
    return takeOne(this.#open, random);
  }

  opened(order: OpenOrder): void {
    if (this.#open.length < limits.openOrders) this.#open.push(order);
  }

  newTag(random: Random): TagAssignment | undefined {
    if (this.#tags.length === 0) return undefined;
    const value = random.pick(['new', 'hot', 'last chance', 'staff pick', 'seasonal']);
    return { productId: this.offer(random).productId, tagId: random.pick(this.#tags), value };
  }

  takeTagged(random: Random): TagAssignment | undefined {
    return takeOne(this.#tagged, random);
  }

  tagged(tag: TagAssignment): void {
    const same = (other: TagAssignment) => other.productId === tag.productId && other.tagId === tag.tagId;
    if (this.#tagged.length < limits.tagged && !this.#tagged.some(same)) this.#tagged.push(tag);
  }

  /** Takes some filled cart out; it comes back by `filled`, or is left for good. Undefined: there is none. */
  takeCart(random: Random): OpenCart | undefined {
    return takeOne(this.#carts, random);
  }

  filled(cart: OpenCart): void {
    if (this.#carts.length < limits.carts) this.#carts.push(cart);
  }

  /** A visit that goes on, or a new one of the given id. */
  session(random: Random, fresh: string): string {
    const known = random.chance(0.7) && this.#sessions.length > 0 ? random.pick(this.#sessions) : undefined;
    if (known !== undefined) return known;
    if (this.#sessions.length >= limits.sessions) this.#sessions.shift();
    this.#sessions.push(fresh);
    return fresh;
  }
}

function takeOne<T>(from: T[], random: Random): T | undefined {
  const index = random.int(0, from.length - 1);
  const taken = from[index];
  const last = from.pop();
  if (taken !== undefined && last !== undefined && index < from.length) from[index] = last;
  return taken;
}

/** Reads the sample; which part of a large shop it is depends on the seed. Throws `not-found` where the shop is empty. */
export async function readWorld(pool: pg.Pool, seed: string): Promise<World> {
  const offers = await pool.query<{ productId: string; variantId: string; warehouseId: string; cents: number }>(
    `select p.product_id as "productId", i.variant_id as "variantId", i.warehouse_id as "warehouseId",
       (p.base_price * 100)::int as cents
     from (select product_id, base_price, currency from commerce.products where status = 'active' and currency = 'USD'
           order by hashtextextended(product_id::text, hashtext($1)) limit 2000) p
     join commerce.inventory i using (product_id)
     order by hashtextextended(i.variant_id::text || i.warehouse_id::text, hashtext($1)) limit $2`,
    [seed, limits.offers],
  );
  const customers = await pool.query<{ id: string }>(
    'select customer_id as id from commerce.customers order by hashtextextended(customer_id::text, hashtext($1)) limit $2',
    [seed, limits.customers],
  );
  const tags = await pool.query<{ id: string }>('select tag_id as id from commerce.tags order by name limit 50');
  const open = await pool.query<OpenOrder>(
    `select order_id as "orderId", status from commerce.orders
     where status in ('pending', 'confirmed', 'paid', 'fulfilling', 'shipped') order by placed_at desc limit 500`,
  );
  if (offers.rows.length === 0 || customers.rows.length === 0) {
    throw new PlatformError(
      'not-found',
      'the shop has nothing for sale or no customers: load the demo shop or seed one',
    );
  }
  return new World(
    offers.rows.map(({ cents, ...offer }) => ({ ...offer, priceCents: cents })),
    customers.rows.map((row) => row.id),
    tags.rows.map((row) => row.id),
    open.rows,
  );
}
