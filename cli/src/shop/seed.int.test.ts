import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { Pool } from 'pg';
import { createTestDatabase } from '@millrace/database/testing';
import type { TestDatabase } from '@millrace/database/testing';
import { copyRows } from './copy-rows.ts';
import { loadDemoShop } from './load.ts';
import { seedShop } from './seed.ts';

jest.setTimeout(60_000);

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new Pool({ connectionString: database.url });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const counts = async () => {
  const result = await pool.query<Record<string, number>>(
    `select (select count(*) from commerce.products where sku like 'S%')::int as products,
            (select count(*) from commerce.orders where order_number like 'S%')::int as orders`,
  );
  return result.rows[0];
};

test('seeds beside the demo shop, up to the numbers asked for, and goes on where it was stopped', async () => {
  await loadDemoShop(pool, { seed: 'demo', limitOrders: 1 });
  const stop = new AbortController();
  const onProgress = ({ stage }: { stage: string }) => {
    if (stage === 'orders') stop.abort();
  };
  const first = await seedShop(pool, { products: 600, orders: 1500, seed: 'x', signal: stop.signal, onProgress });
  expect(first).toEqual({ products: 600, customers: 300, orders: 1000, complete: false });
  const second = await seedShop(pool, { products: 600, orders: 1500, seed: 'x' });
  expect(second).toEqual({ products: 0, customers: 0, orders: 500, complete: true });
  expect(await counts()).toEqual({ products: 600, orders: 1500 });
  // More of the same seed, then another seed beside it.
  expect(await seedShop(pool, { products: 700, orders: 1600, seed: 'x' })).toMatchObject({
    products: 100,
    orders: 100,
  });
  expect(await seedShop(pool, { products: 100, orders: 0, seed: 'y' })).toMatchObject({ products: 100, orders: 0 });
  expect(await counts()).toEqual({ products: 800, orders: 1600 });
  const orphans = await pool.query(
    `select from commerce.products p where sku like 'S%' and (
       not exists (select from commerce.inventory i where i.product_id = p.product_id)
       or not exists (select from commerce.product_variants v where v.product_id = p.product_id))`,
  );
  expect(orphans.rowCount).toBe(0);
});

test('copies text as it is', async () => {
  const client = await pool.connect();
  const names = ['back\\slash', 'tab\there', 'two\nlines', '\\N', 'it’s “quoted”', 'return\r'];
  await copyRows(client, 'tags', ['name'], names.map((name) => [name])); // prettier-ignore
  const found = await client.query<{ name: string }>('select name from commerce.tags where name = any($1)', [names]);
  expect(found.rows.map((row) => row.name).sort()).toEqual([...names].sort());
  await expect(copyRows(client, 'tags', ['name'], [['again'], ['again']])).rejects.toThrow(/tags_name_unique/);
  // The connection is as good as before.
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  client.release();
});
