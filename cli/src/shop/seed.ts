import type { ClientBase, Pool } from 'pg';
import { copyRows } from './copy-rows.ts';
import type { Cell } from './copy-rows.ts';
import { beginLoad, inTransaction, noteProgress, withLoadLock } from './load-progress.ts';
import { randomOf } from './random.ts';
import { addCustomer, addOrder, customerColumns, orderColumns } from './seed-orders.ts';
import type { OrderChoice } from './seed-orders.ts';
import { addProduct, productColumns, seedProduct } from './seed-products.ts';
import type { SeedProduct } from './seed-products.ts';
import { seedReference } from './seed-reference.ts';
import { distributors } from './vocabulary.ts';
import { zipf } from './zipf.ts';

export interface SeedOptions {
  /** How many there shall be of this seed in the end, those of earlier calls included. */
  readonly products: number;
  readonly orders: number;
  readonly seed: string;
  readonly onProgress?: (progress: SeedProgress) => void;
  /** Stops between two commits; the next call goes on there. */
  readonly signal?: AbortSignal;
}

export interface SeedProgress {
  readonly stage: 'products' | 'customers' | 'orders';
  readonly done: number;
  readonly total: number;
}

/** How many of each this call wrote. */
export interface SeedResult {
  readonly products: number;
  readonly customers: number;
  readonly orders: number;
  readonly complete: boolean;
}

const perTransaction = { products: 500, customers: 5000, orders: 1000 } as const;
const ordersPerCustomer = 5;
/** Products kept at hand for the orders' lines. Popularity makes a part of them enough. */
const productsAtHand = 50_000;

/**
 * Amplifies the shop: products with variants, stock in several warehouses, tags and scheduled prices; customers; orders whose
 * lines follow a Zipf popularity. Everything is drawn from the seed and its index alone, in transactions of bounded size that
 * carry their progress: memory does not grow with the number of orders, and a call goes on where the last one ended.
 */
export async function seedShop(pool: Pool, options: SeedOptions): Promise<SeedResult> {
  const { seed, products, orders } = options;
  if (orders > 0 && products < 1) throw new RangeError('orders need products');
  return withLoadLock(pool, `seed ${seed}`, async (client) => {
    const reference = await seedReference(client, seed, vendorName(seed));
    const stage = (name: SeedProgress['stage'], total: number, write: WriteBatch) =>
      runStage(client, options, name, total, write);
    const wroteProducts = await stage('products', products, (from, to) =>
      writeBatch(client, productColumns, from, to, (tables, index) => addProduct(tables, seed, index, reference)),
    );
    const customers = Math.ceil(orders / ordersPerCustomer);
    const wroteCustomers = await stage('customers', customers, (from, to) =>
      writeBatch(client, customerColumns, from, to, (tables, index) => addCustomer(tables, seed, index)),
    );
    const choice = orders === 0 ? undefined : choiceOf(seed, products, customers, reference.vendors);
    const wroteOrders = await stage('orders', orders, async (from, to) => {
      if (choice === undefined) return;
      await writeBatch(client, orderColumns, from, to, (tables, index) => addOrder(tables, seed, index, choice));
    });
    const complete = options.signal?.aborted !== true;
    return { products: wroteProducts, customers: wroteCustomers, orders: wroteOrders, complete };
  });
}

type WriteBatch = (from: number, to: number) => Promise<void>;

async function runStage(
  client: ClientBase,
  { seed, onProgress, signal }: SeedOptions,
  stage: SeedProgress['stage'],
  total: number,
  write: WriteBatch,
): Promise<number> {
  const load = `seed ${seed} ${stage}`;
  const { done: before } = await beginLoad(client, load, total, { seed });
  let done = before;
  while (done < total && signal?.aborted !== true) {
    const to = Math.min(total, done + perTransaction[stage]);
    const from = done;
    await inTransaction(client, async () => {
      await write(from, to);
      await noteProgress(client, load, to);
    });
    done = to;
    onProgress?.({ stage, done, total });
  }
  return done - before;
}

/** Writes the rows of the things `from` … `to − 1`, one COPY a table, in the tables' order. */
async function writeBatch<T extends string>(
  client: ClientBase,
  columns: Readonly<Record<T, readonly string[]>>,
  from: number,
  to: number,
  add: (tables: Record<T, Cell[][]>, index: number) => void,
): Promise<void> {
  const names = Object.keys(columns) as T[];
  const tables = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<T, Cell[][]>;
  for (let index = from; index < to; index += 1) add(tables, index);
  for (const name of names) await copyRows(client, name, columns[name], tables[name]);
}

function choiceOf(seed: string, products: number, customers: number, vendors: readonly string[]): OrderChoice {
  const pick = zipf(products);
  const atHand = new Map<number, SeedProduct>();
  return {
    customers,
    product: (random) => {
      const index = pick(random);
      const known = atHand.get(index);
      if (known !== undefined) return known;
      if (atHand.size >= productsAtHand) atHand.clear();
      const product = seedProduct(seed, index, vendors);
      atHand.set(index, product);
      return product;
    },
  };
}

function vendorName(seed: string): (index: number) => string {
  return (index) => `${randomOf(seed, 'seed vendor name', index).pick(distributors)} ${index + 1}`;
}
