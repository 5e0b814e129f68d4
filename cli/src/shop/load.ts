import type { ClientBase, Pool } from 'pg';
import { demoShop } from './demo-shop.ts';
import type { DemoShop } from './demo-shop.ts';
import { insertFrom, insertRows } from './insert-rows.ts';
import { beginLoad, inTransaction, noteProgress, withLoadLock } from './load-progress.ts';
import type { OrderDocument } from './order-documents.ts';
import type { RowsByTable } from './rows.ts';

export interface LoadOptions {
  readonly seed: string;
  /** Called after each commit: commits done, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Plays in the first orders only; a later call without it plays in the others. */
  readonly limitOrders?: number;
  /** Stops between two commits; the next call goes on there. */
  readonly signal?: AbortSignal;
}

export interface LoadResult {
  /** Commits of this call; 0 where everything was there already. */
  readonly commits: number;
  /** Whether the shop, as far as it was asked for, is complete. */
  readonly complete: boolean;
  /** The seed the shop in the database was begun with; it stands above the one asked for. */
  readonly seed: string;
}

const load = 'demo-shop';

/**
 * Plays the demo shop into a migrated database: the catalog in a few large transactions, then one commit for each order, in
 * order-date order. Progress is part of each commit: after a crash anywhere the next call goes on with the next one, and a
 * call that finds everything there does nothing. Programs that call it at once take turns.
 */
export async function loadDemoShop(pool: Pool, options: LoadOptions): Promise<LoadResult> {
  const limitOrders = options.limitOrders ?? Infinity;
  return withLoadLock(pool, load, async (client) => {
    const begun = await begunLoad(client);
    if (begun !== undefined && begun.done >= Math.min(begun.catalog + limitOrders, begun.whole)) {
      return { commits: 0, complete: true, seed: begun.seed };
    }
    const seed = begun?.seed ?? options.seed;
    const shop = demoShop(seed);
    const catalog = shop.catalog.length;
    const wanted = catalog + Math.min(limitOrders, shop.orders.length);
    const detail = { seed, catalog, whole: catalog + shop.orders.length };
    const progress = await beginLoad(client, load, wanted, detail);
    let done = progress.done;
    while (done < wanted && options.signal?.aborted !== true) {
      await commitStep(client, shop, done);
      done += 1;
      options.onProgress?.(done, wanted);
    }
    return { commits: done - progress.done, complete: done >= wanted, seed };
  });
}

/** What an earlier call recorded; counts are commits: done, for the catalog, for the whole shop. */
interface BegunLoad {
  readonly seed: string;
  readonly catalog: number;
  readonly whole: number;
  readonly done: number;
}

async function begunLoad(client: ClientBase): Promise<BegunLoad | undefined> {
  const found = await client.query<BegunLoad>(
    `select detail->>'seed' as seed, (detail->'catalog')::int as catalog, (detail->'whole')::int as whole, done::int
     from commerce.load_progress where load = $1`,
    [load],
  );
  return found.rows[0];
}

async function commitStep(client: ClientBase, shop: DemoShop, step: number): Promise<void> {
  const tables = shop.catalog[step];
  if (tables !== undefined) return commitCatalog(client, tables, step);
  const order = shop.orders[step - shop.catalog.length];
  if (order === undefined) throw new RangeError(`the shop has no step ${step}`);
  await client.query({ name: 'demo-order', text: orderStatement, values: [JSON.stringify(order), load, step + 1] });
}

async function commitCatalog(client: ClientBase, tables: RowsByTable, step: number): Promise<void> {
  await inTransaction(client, async () => {
    for (const [table, rows] of tables) await insertRows(client, table, rows);
    await noteProgress(client, load, step + 1);
  });
}

const made = ['created_at', 'updated_at'];
const place = ['product_id', 'variant_id', 'warehouse_id'];
const orderTables: Readonly<Record<Exclude<keyof OrderDocument, 'order' | 'stock'>, readonly string[]>> = {
  order_items: ['order_id', 'item_id', 'product_id', 'variant_id', 'vendor_id', 'name', 'quantity', 'unit_price',
    'discount_amount', 'total_price', ...made], // prettier-ignore
  order_status_history: ['order_id', 'history_id', 'from_status', 'to_status', 'at', ...made],
  payments: ['order_id', 'payment_id', 'provider', 'provider_ref', 'status', 'amount', 'currency', ...made],
  shipments: ['order_id', 'shipment_id', 'status', 'carrier', 'tracking', 'shipped_at', 'delivered_at', ...made],
  stock_movements: [...place, 'movement_id', 'delta', 'kind', 'order_id', ...made],
  reviews: ['product_id', 'review_id', 'customer_id', 'rating', 'title', 'body', 'status', ...made],
};
const orderColumns = [
  'order_id', 'order_number', 'customer_id', 'status', 'currency', 'subtotal', 'discount_amount', 'tax_amount',
  'shipping_amount', 'total_amount', 'shipping_address', 'placed_at', ...made,
]; // prettier-ignore

/** A whole order in one statement, which is its own transaction: one round trip, one commit. $1 document, $2 load, $3 done. */
const orderStatement = [
  'with document as (select $1::json as d)',
  `, written_order as (${insertFrom('orders', orderColumns, "select json_build_array(d->'order') from document")})`,
  ...Object.entries(orderTables).map(
    ([table, columns]) => `, written_${table} as (${insertFrom(table, columns, `select d->'${table}' from document`)})`,
  ),
  `, taken as (
     update commerce.inventory i set quantity = i.quantity - s.quantity, updated_at = s.updated_at
     from document, json_to_recordset(d->'stock')
       as s (product_id uuid, variant_id uuid, warehouse_id uuid, quantity integer, updated_at timestamptz)
     where i.product_id = s.product_id and i.variant_id = s.variant_id and i.warehouse_id = s.warehouse_id
   )`,
  'update commerce.load_progress set done = $3 where load = $2',
].join('\n');
