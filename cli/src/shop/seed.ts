import { setImmediate } from 'node:timers/promises';
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
    const stage = <T extends string>(name: SeedProgress['stage'], total: number, batches: Batches<T>) =>
      runStage(client, options, name, total, batches);
    const wroteProducts = await stage('products', products, {
      columns: productColumns,
      add: (tables, index) => addProduct(tables, seed, index, reference),
    });
    const customers = Math.ceil(orders / ordersPerCustomer);
    const wroteCustomers = await stage('customers', customers, {
      columns: customerColumns,
      add: (tables, index) => addCustomer(tables, seed, index),
    });
    const choice = orders === 0 ? undefined : choiceOf(seed, products, customers, reference.vendors);
    const wroteOrders = await stage('orders', orders, {
      columns: orderColumns,
      add: (tables, index) => choice !== undefined && addOrder(tables, seed, index, choice),
    });
    const complete = options.signal?.aborted !== true;
    return { products: wroteProducts, customers: wroteCustomers, orders: wroteOrders, complete };
  });
}

/** How to draw the things of a stage. Tables are written in the columns' order. */
interface Batches<T extends string> {
  readonly columns: Readonly<Record<T, readonly string[]>>;
  readonly add: (tables: Record<T, Cell[][]>, index: number) => void;
}

/** Draws the next batch while the server writes the last one. */
async function runStage<T extends string>(
  client: ClientBase,
  { seed, onProgress, signal }: SeedOptions,
  stage: SeedProgress['stage'],
  total: number,
  batches: Batches<T>,
): Promise<number> {
  const load = `seed ${seed} ${stage}`;
  const { done: before } = await beginLoad(client, load, total, { seed });
  const endOf = (from: number) => Math.min(total, from + perTransaction[stage]);
  let done = before;
  let drawn = await drawBatch(batches, done, endOf(done));
  while (done < total && signal?.aborted !== true) {
    const to = endOf(done);
    const tables = drawn;
    const writing = inTransaction(client, async () => {
      for (const name of namesOf(batches)) await copyRows(client, name, batches.columns[name], tables[name]);
      await noteProgress(client, load, to);
    });
    [drawn] = await Promise.all([drawBatch(batches, to, endOf(to)), writing]);
    done = to;
    onProgress?.({ stage, done, total });
  }
  return done - before;
}

/** Rows of the things `from` … `to − 1`; lets the connection go on every few of them. */
async function drawBatch<T extends string>(
  batches: Batches<T>,
  from: number,
  to: number,
): Promise<Record<T, Cell[][]>> {
  const tables = Object.fromEntries(namesOf(batches).map((name) => [name, []])) as unknown as Record<T, Cell[][]>;
  for (let index = from; index < to; index += 1) {
    batches.add(tables, index);
    if (index % 16 === 0) await setImmediate();
  }
  return tables;
}

function namesOf<T extends string>({ columns }: Batches<T>): readonly T[] {
  return Object.keys(columns) as T[];
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
