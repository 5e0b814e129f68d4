import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Pool } from 'pg';
import { createTestDatabase } from '@millrace/database/testing';
import type { TestDatabase } from '@millrace/database/testing';
import { loadDemoShop } from './load.ts';
import { withLoadLock } from './load-progress.ts';
import { readSource } from './source.ts';
import { sourceTotals } from './source-totals.ts';

jest.setTimeout(60_000);

const databases: TestDatabase[] = [];
let pool: Pool;

async function newPool(): Promise<Pool> {
  const database = await createTestDatabase();
  databases.push(database);
  return new Pool({ connectionString: database.url });
}
beforeEach(async () => {
  pool = await newPool();
});
afterEach(() => pool.end());
afterAll(() => Promise.all(databases.map((database) => database.drop())));

/** Everything that was loaded, in a form that two databases can be compared by. */
async function fingerprint(of: Pool): Promise<Record<string, string>> {
  const tables = [
    'products',
    'product_variants',
    'inventory',
    'stock_movements',
    'customers',
    'orders',
    'order_items',
    'payments',
  ];
  const sums: Record<string, string> = {};
  for (const table of tables) {
    const result = await of.query<{ sum: string }>(
      `select md5(string_agg(t::text, e'\\n' order by t::text)) as sum from commerce.${table} t`,
    );
    sums[table] = result.rows[0]!.sum;
  }
  return sums;
}

describe('playing in the demo shop', () => {
  test('a second time does nothing', async () => {
    expect(await loadDemoShop(pool, { seed: 's', limitOrders: 20 })).toEqual({
      commits: 26,
      complete: true,
      seed: 's',
    });
    expect(await loadDemoShop(pool, { seed: 's', limitOrders: 20 })).toEqual({ commits: 0, complete: true, seed: 's' });
  });

  test('stopped in the middle, it goes on there, and ends as if never stopped', async () => {
    const stop = new AbortController();
    const onProgress = (done: number) => {
      if (done === 15) stop.abort();
    };
    const first = await loadDemoShop(pool, { seed: 's', limitOrders: 20, signal: stop.signal, onProgress });
    expect(first).toEqual({ commits: 15, complete: false, seed: 's' });
    // The seed it was begun with stands.
    const second = await loadDemoShop(pool, { seed: 'other', limitOrders: 20 });
    expect(second).toEqual({ commits: 11, complete: true, seed: 's' });

    const other = await newPool();
    await loadDemoShop(other, { seed: 's', limitOrders: 20 });
    expect(await fingerprint(pool)).toEqual(await fingerprint(other));
    await other.end();
  });

  test('killed in the middle of a commit, it goes on with that commit', async () => {
    let killed = false;
    const killer = new Pool({ connectionString: databases.at(-1)!.url, max: 1 });
    const onProgress = (done: number) => {
      if (done !== 3 || killed) return;
      killed = true;
      void killer.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
    };
    pool.on('error', () => undefined);
    await expect(loadDemoShop(pool, { seed: 's', limitOrders: 500, onProgress })).rejects.toThrow(/terminat/);
    expect((await loadDemoShop(pool, { seed: 's', limitOrders: 10 })).complete).toBe(true);
    await killer.end();
    const counted = await pool.query<{ products: number }>('select count(*)::int as products from commerce.products');
    expect(counted.rows).toEqual([{ products: 1862 }]);
  });

  test('a connection that ends between two queries is what the load says, and no unhandled error', async () => {
    const killer = new Pool({ connectionString: databases.at(-1)!.url, max: 1 });
    pool.on('error', () => undefined);
    const load = withLoadLock(pool, 'none', async (client) => {
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      const ended = new Promise((resolve) => client.once('end', resolve));
      await killer.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
      await ended;
      await client.query('select 1');
    });
    await expect(load).rejects.toThrow(/terminating connection/);
    await killer.end();
  });

  test('two programs at once load it once', async () => {
    const both = [1, 2].map(() => loadDemoShop(pool, { seed: 's', limitOrders: 5 }));
    expect((await Promise.all(both)).map((result) => result.commits).sort()).toEqual([0, 11]);
  });

  test('the database’s totals are the source’s, to the cent, by month and sub-category', async () => {
    const orders = 400;
    await loadDemoShop(pool, { seed: 's', limitOrders: orders });
    const loaded = await pool.query<{ order_number: string }>('select order_number from commerce.orders');
    expect(loaded.rowCount).toBe(orders);
    const numbers = new Set(loaded.rows.map((row) => row.order_number));
    const expected = sourceTotals(readSource().filter((line) => numbers.has(line.orderNumber)));
    const found = await pool.query(
      `select to_char(o.placed_at at time zone 'UTC', 'YYYY-MM') as month, c.name as "subCategory",
              sum(i.total_price)::text as revenue, sum(i.quantity)::int as units, count(distinct o.order_id)::int as orders
       from commerce.orders o join commerce.order_items i using (order_id)
       join commerce.products p using (product_id) join commerce.categories c using (category_id)
       group by 1, 2 order by 1, 2`,
    );
    expect(found.rows).toEqual(expected.byMonthAndSubCategory);
    const history = await pool.query<{ rows: number; orders: number }>(
      'select count(*)::int as rows, count(distinct order_id)::int as orders from commerce.order_status_history',
    );
    expect(history.rows).toEqual([{ rows: 6 * orders, orders }]);
  });
});
