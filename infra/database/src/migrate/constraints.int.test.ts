import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { createTestDatabase } from '../testing/index.ts';
import type { TestDatabase } from '../testing/index.ts';

let database: TestDatabase;
let client: Client;
let product: string;
let warehouse: string;
let serial = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

async function one<T>(sql: string, values: unknown[] = []): Promise<T> {
  const rows = (await client.query(sql, values)).rows as T[];
  expect(rows).toHaveLength(1);
  return rows[0]!;
}

async function newProduct(): Promise<string> {
  serial += 1;
  const row = await one<{ product_id: string }>(
    "insert into commerce.products (sku, name, base_price) values ($1, 'Lamp', 20) returning product_id",
    [`L-${serial}`],
  );
  return row.product_id;
}

async function newOrder(): Promise<string> {
  const row = await one<{ order_id: string }>('insert into commerce.orders (subtotal) values (10) returning order_id');
  return row.order_id;
}

beforeEach(async () => {
  product = await newProduct();
  serial += 1;
  const row = await one<{ warehouse_id: string }>(
    "insert into commerce.warehouses (code, name) values ($1, 'Main') returning warehouse_id",
    [`W${serial}`],
  );
  warehouse = row.warehouse_id;
});

describe('bad states are refused', () => {
  const stock = 'insert into commerce.inventory (product_id, warehouse_id, quantity, reserved) values ($1, $2, $3, $4)';
  test.each([
    [-1, 0, 'inventory_quantity_not_negative'],
    [5, 6, 'inventory_reserved_within_quantity'],
    [5, -1, 'inventory_reserved_within_quantity'],
  ])('inventory of %i with %i reserved', async (quantity, reserved, constraint) => {
    await expect(client.query(stock, [product, warehouse, quantity, reserved])).rejects.toMatchObject({ constraint });
  });

  test('selling below what is reserved', async () => {
    await client.query(stock, [product, warehouse, 5, 3]);
    await expect(
      client.query('update commerce.inventory set quantity = quantity - 3 where product_id = $1', [product]),
    ).rejects.toMatchObject({ constraint: 'inventory_reserved_within_quantity' });
  });

  test.each([
    ['a total that is not its parts', 'subtotal, discount_amount, tax_amount, total_amount', '10, 1, 2, 10.99'],
    ['a discount above the subtotal', 'subtotal, discount_amount', '10, 11'],
    ['an unknown currency', 'subtotal, currency', "10, 'DOG'"],
    ['an unknown status', 'subtotal, status', "10, 'lost'"],
    ['a customer who does not exist', 'subtotal, customer_id', '10, uuidv7()'],
  ])('an order with %s', async (_, columns, values) => {
    await expect(client.query(`insert into commerce.orders (${columns}) values (${values})`)).rejects.toThrow(
      /violates (check|foreign key) constraint/,
    );
  });

  test.each([
    ['no quantity', '0, 5, 0'],
    ['a total that is not quantity × unit price', '2, 5, 9.99'],
    ['a negative price', '1, -5, -5'],
  ])('an order line with %s', async (_, values) => {
    const order = await newOrder();
    await expect(
      client.query(
        `insert into commerce.order_items (order_id, product_id, quantity, unit_price, total_price)
         values ('${order}', '${product}', ${values})`,
      ),
    ).rejects.toThrow(/violates check constraint/);
  });

  test.each([
    ['products', 'sku, name, base_price', "'free', 'Free', 0"],
    ['products', 'sku, name, base_price, status', "'x', 'X', 1, 'gone'"],
    ['products', 'sku, name, base_price', "'L-1', 'The same sku', 1"],
    ['prices', 'product_id, amount', '$1, 0'],
    ['prices', 'product_id, amount, valid_from, valid_to', "$1, 1, '2026-02-01', '2026-02-01'"],
    ['prices', 'product_id, amount, variant_id', '$1, 1, uuidv7()'],
    ['price_rules', 'scope, scope_id, kind, value', "'planet', $1, 'percent', 5"],
    ['price_rules', 'scope, scope_id, kind, value', "'product', $1, 'percent', 100"],
    ['reviews', 'product_id, rating', '$1, 6'],
    ['stock_movements', 'product_id, delta', '$1, 0'],
    ['view_generations', 'view, active, building', "'products', 2, 2"],
    ['payments', 'order_id, provider, amount', "uuidv7(), 'card', 1"],
  ])('%s(%s) = %s', async (table, columns, values) => {
    const withIds = values.replace('$1', `'${product}'`);
    await expect(client.query(`insert into commerce.${table} (${columns}) values (${withIds})`)).rejects.toThrow(
      /violates/,
    );
  });

  test('a category below itself', async () => {
    const add = 'insert into commerce.categories (name, parent_id) values ($1, $2) returning category_id';
    const top = await one<{ category_id: string }>(add, ['Top', null]);
    const below = await one<{ category_id: string }>(add, ['Below', top.category_id]);
    await expect(
      client.query('update commerce.categories set parent_id = $1 where category_id = $2', [
        below.category_id,
        top.category_id,
      ]),
    ).rejects.toMatchObject({ constraint: 'categories_no_circle' });
  });
});

describe('a product has a variant', () => {
  const variants = 'select variant_id, sku from commerce.product_variants where product_id = $1';

  test('the default one, where it was committed without', async () => {
    expect(await one(variants, [product])).toEqual({ variant_id: product, sku: expect.stringMatching(/^L-/) });
  });

  test('only its own, where the same transaction wrote some', async () => {
    await client.query('begin');
    const own = await newProduct();
    await client.query("insert into commerce.product_variants (product_id, sku) values ($1, 'red')", [own]);
    await client.query('commit');
    expect(await one(variants, [own])).toMatchObject({ sku: 'red' });
  });

  test('stock may be written in the product’s own transaction, naming only the product', async () => {
    await client.query('begin');
    const own = await newProduct();
    await client.query('insert into commerce.inventory (product_id, warehouse_id, quantity) values ($1, $2, 3)', [
      own,
      warehouse,
    ]);
    await client.query('commit');
    expect(await one('select variant_id from commerce.inventory where product_id = $1', [own])).toEqual({
      variant_id: own,
    });
  });

  test('the default one again, after its last was removed', async () => {
    await client.query('delete from commerce.product_variants where product_id = $1', [product]);
    expect(await one(variants, [product])).toMatchObject({ variant_id: product });
  });

  test('its default variant follows the product’s sku', async () => {
    await client.query("update commerce.products set sku = 'L-new' where product_id = $1", [product]);
    expect(await one(variants, [product])).toMatchObject({ sku: 'L-new' });
  });

  test('none, once the product is gone', async () => {
    await client.query('delete from commerce.products where product_id = $1', [product]);
    expect((await client.query(variants, [product])).rowCount).toBe(0);
  });
});

describe('rows keep themselves', () => {
  test('inventory counts its versions and dates its replenishments', async () => {
    await client.query('insert into commerce.inventory (product_id, warehouse_id) values ($1, $2)', [
      product,
      warehouse,
    ]);
    const change = (delta: number) =>
      one<{ version: string; last_replenishment_at: Date | null }>(
        `update commerce.inventory set quantity = quantity + $2 where product_id = $1
         returning version, last_replenishment_at`,
        [product, delta],
      );
    const more = await change(5);
    expect(more).toEqual({ version: '2', last_replenishment_at: expect.any(Date) });
    expect(await change(-2)).toEqual({ version: '3', last_replenishment_at: more.last_replenishment_at });
  });

  test('updated_at moves with each change, unless the change says when it was', async () => {
    const rename =
      'update commerce.products set name = $2 where product_id = $1 returning updated_at > created_at as moved';
    expect(await one(rename, [product, 'Lantern'])).toEqual({ moved: true });
    const dated = await one<{ updated_at: Date }>(
      "update commerce.products set updated_at = '2020-01-01Z' where product_id = $1 returning updated_at",
      [product],
    );
    expect(dated.updated_at.toISOString()).toBe('2020-01-01T00:00:00.000Z');
  });

  test('an order line takes name, vendor, variant and total from what it leaves out', async () => {
    const vendor = await one<{ vendor_id: string }>(
      "insert into commerce.vendors (name) values ('V') returning vendor_id",
    );
    await client.query('update commerce.products set vendor_id = $2 where product_id = $1', [
      product,
      vendor.vendor_id,
    ]);
    const order = await newOrder();
    const line = await one(
      `insert into commerce.order_items (order_id, product_id, quantity, unit_price) values ($1, $2, 2, 5)
       returning name, vendor_id, variant_id, total_price`,
      [order, product],
    );
    expect(line).toEqual({ name: 'Lamp', vendor_id: vendor.vendor_id, variant_id: product, total_price: '10.00' });
  });
});

describe('the history of an order’s status', () => {
  const history = async (order: string) => {
    const rows = await client.query<{ from_status: string | null; to_status: string }>(
      'select from_status, to_status from commerce.order_status_history where order_id = $1 order by at, history_id',
      [order],
    );
    return rows.rows.map((row) => `${row.from_status ?? ''}>${row.to_status}`);
  };
  const move = (order: string, status: string) =>
    client.query('update commerce.orders set status = $2 where order_id = $1', [order, status]);

  test('has a row for each change that wrote none', async () => {
    const order = await newOrder();
    await move(order, 'confirmed');
    await client.query('begin');
    await move(order, 'paid');
    await move(order, 'fulfilling');
    await client.query('commit');
    expect(await history(order)).toEqual(['>pending', 'pending>confirmed', 'confirmed>paid', 'paid>fulfilling']);
  });

  test('has no second row where the transaction wrote its own, also behind a savepoint', async () => {
    const order = await newOrder();
    await client.query('begin');
    await move(order, 'confirmed');
    await client.query('savepoint here');
    await client.query(
      `insert into commerce.order_status_history (order_id, from_status, to_status) values ($1, 'pending', 'confirmed')`,
      [order],
    );
    await client.query('commit');
    expect(await history(order)).toEqual(['>pending', 'pending>confirmed']);
  });

  test('does not mind an order that is gone by the commit', async () => {
    await client.query('begin');
    const order = await newOrder();
    await move(order, 'confirmed');
    await client.query('delete from commerce.orders where order_id = $1', [order]);
    await client.query('commit');
    expect(await history(order)).toEqual([]);
  });
});
