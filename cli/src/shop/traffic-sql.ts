import pg from 'pg';
import type { ClientBase } from 'pg';
import { moneyText } from './money.ts';
import type {
  CartLine,
  OpenOrder,
  Outcome,
  Offer,
  OrderRequest,
  PriceChange,
  TagAssignment,
  TrafficTarget,
  Visit,
} from './traffic-target.ts';

/** Plain SQL in transactions, as another program would write it: no outbox, no tokens, columns left to their defaults. */
export class SqlTarget implements TrafficTarget {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async placeOrder({ customerId, lines, cartId }: OrderRequest): Promise<string | undefined> {
    const subtotal = lines.reduce((sum, line) => sum + line.quantity * line.priceCents, 0);
    let orderId: string | undefined;
    const outcome = await this.#transaction(async (client) => {
      if (cartId !== undefined && !(await endCart(client, cartId))) return 'refused';
      const inserted = await client.query<{ order_id: string }>(
        'insert into commerce.orders (customer_id, subtotal, total_amount) values ($1, $2, $2) returning order_id',
        [customerId, moneyText(subtotal)],
      );
      orderId = inserted.rows[0]?.order_id;
      for (const line of lines) {
        await client.query(
          `insert into commerce.order_items (order_id, product_id, variant_id, quantity, unit_price, total_price)
           values ($1, $2, $3, $4, $5, $6)`,
          [orderId, line.productId, line.variantId, line.quantity, moneyText(line.priceCents),
            moneyText(line.quantity * line.priceCents)], // prettier-ignore
        );
      }
      // In the order of the keys, as everyone who locks several levels does.
      const sorted = lines.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
      for (const line of sorted) {
        if (!(await take(client, line, line.quantity, orderId ?? null))) return 'refused';
      }
      return 'done';
    });
    return outcome === 'done' ? orderId : undefined;
  }

  moveOrder({ orderId, status }: OpenOrder, to: string): Promise<Outcome> {
    return this.#transaction(async (client) => {
      const moved = await client.query<{ total_amount: string; currency: string }>(
        'update commerce.orders set status = $3 where order_id = $1 and status = $2 returning total_amount, currency',
        [orderId, status, to],
      );
      const [order] = moved.rows;
      if (order === undefined) return 'refused';
      // The history of a cancellation is left to the database, as a careless program would.
      if (to !== 'cancelled') {
        await client.query(
          'insert into commerce.order_status_history (order_id, from_status, to_status) values ($1, $2, $3)',
          [orderId, status, to],
        );
      }
      if (to === 'paid') {
        await client.query(
          "insert into commerce.payments (order_id, provider, status, amount, currency) values ($1, 'card', 'completed', $2, $3)",
          [orderId, order.total_amount, order.currency],
        );
      }
      if (to === 'shipped') {
        await client.query(
          "insert into commerce.shipments (order_id, status, carrier, shipped_at) values ($1, 'shipped', 'Overland Post', now())",
          [orderId],
        );
      }
      return 'done';
    });
  }

  restock(level: Offer, delta: number): Promise<Outcome> {
    return this.#transaction(async (client) => {
      const { productId, variantId, warehouseId } = level;
      const changed = await client.query(
        `update commerce.inventory set quantity = quantity + $4
         where product_id = $1 and variant_id = $2 and warehouse_id = $3`,
        [productId, variantId, warehouseId, delta],
      );
      if (changed.rowCount === 0) return 'refused';
      await client.query(
        `insert into commerce.stock_movements (product_id, variant_id, warehouse_id, delta, kind)
         values ($1, $2, $3, $4, 'restock')`,
        [productId, variantId, warehouseId, delta],
      );
      return 'done';
    });
  }

  async changePrice(change: PriceChange): Promise<Outcome> {
    const amount = moneyText(change.cents);
    if (change.kind === 'base') {
      return this.#one('update commerce.products set base_price = $2 where product_id = $1', [
        change.productId,
        amount,
      ]);
    }
    return this.#one(
      `insert into commerce.prices (product_id, amount, valid_from, valid_to, reason)
       select product_id, $2, now() + $3 * interval '1 ms', now() + $4 * interval '1 ms', 'flash sale'
       from commerce.products where product_id = $1`,
      [change.productId, amount, change.inMs, change.inMs + change.forMs],
    );
  }

  setTag({ productId, tagId, value }: TagAssignment): Promise<Outcome> {
    return this.#one(
      `insert into commerce.product_tags (product_id, tag_id, value) values ($1, $2, $3)
       on conflict (product_id, tag_id) do update set value = excluded.value`,
      [productId, tagId, value],
    );
  }

  removeTag({ productId, tagId }: TagAssignment): Promise<Outcome> {
    return this.#one('delete from commerce.product_tags where product_id = $1 and tag_id = $2', [productId, tagId]);
  }

  fillCart({ cartId, customerId, productId, variantId, quantity }: CartLine): Promise<Outcome> {
    return this.#transaction(async (client) => {
      await client.query(
        'insert into commerce.carts (cart_id, customer_id) values ($1, $2) on conflict (cart_id) do nothing',
        [cartId, customerId],
      );
      const put = await client.query(
        `insert into commerce.cart_items as line (cart_id, product_id, variant_id, quantity)
         select cart_id, $2, $3, $4 from commerce.carts where cart_id = $1 and status = 'active'
         on conflict (cart_id, product_id, variant_id) do update set quantity = line.quantity + excluded.quantity`,
        [cartId, productId, variantId, quantity],
      );
      return put.rowCount === 0 ? 'refused' : 'done';
    });
  }

  browse({ sessionId, steps }: Visit): Promise<Outcome> {
    return this.#one(
      `insert into commerce.behaviour_events (session_id, kind, product_id)
       select $1, kind, product_id from unnest($2::text[], $3::uuid[]) as step (kind, product_id)`,
      [sessionId, steps.map(({ type }) => type), steps.map(({ productId }) => productId)],
    );
  }

  async #one(sql: string, values: unknown[]): Promise<Outcome> {
    const result = await this.#pool.query(sql, values);
    return result.rowCount === 0 ? 'refused' : 'done';
  }

  async #transaction(work: (client: ClientBase) => Promise<Outcome>): Promise<Outcome> {
    const client = await this.#pool.connect();
    let broken = true;
    try {
      await client.query('begin');
      const outcome = await work(client);
      await client.query(outcome === 'done' ? 'commit' : 'rollback');
      broken = false;
      return outcome;
    } finally {
      // A connection that failed in a transaction is not used again: ending it ends the transaction.
      client.release(broken);
    }
  }
}

function keyOf({ productId, variantId }: Offer): string {
  return `${productId}/${variantId}`;
}

async function endCart(client: ClientBase, cartId: string): Promise<boolean> {
  const ended = await client.query(
    `update commerce.carts set status = 'ordered' where cart_id = $1 and status = 'active'`,
    [cartId],
  );
  return ended.rowCount === 1;
}

/** Takes the quantity from one warehouse that has it; false where none has. */
async function take(client: ClientBase, line: Offer, quantity: number, orderId: string | null): Promise<boolean> {
  const { productId, variantId } = line;
  const taken = await client.query<{ warehouse_id: string }>(
    `update commerce.inventory set quantity = quantity - $3
     where product_id = $1 and variant_id = $2 and quantity - reserved >= $3 and warehouse_id = (
       select warehouse_id from commerce.inventory where product_id = $1 and variant_id = $2
       order by quantity - reserved desc, warehouse_id limit 1)
     returning warehouse_id`,
    [productId, variantId, quantity],
  );
  const [level] = taken.rows;
  if (level === undefined) return false;
  await client.query(
    `insert into commerce.stock_movements (product_id, variant_id, warehouse_id, delta, kind, order_id)
     values ($1, $2, $3, $4, 'sale', $5)`,
    [productId, variantId, level.warehouse_id, -quantity, orderId],
  );
  return true;
}
