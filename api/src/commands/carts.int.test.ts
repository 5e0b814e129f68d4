import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { customerId, principalOf } from '../testing/principals.ts';
import { startTestApi } from '../testing/test-api.ts';
import type { Call, TestApi } from '../testing/test-api.ts';

let api: TestApi;
let mug: string;

beforeAll(async () => {
  api = await startTestApi();
  await api.sql.query('insert into commerce.customers (customer_id, email) values ($1, $2)', [
    customerId,
    'a@example.com',
  ]);
  mug = await newProduct('MUG', 10);
}, 60_000);
afterAll(() => api.close());

async function newProduct(sku: string, stock: number): Promise<string> {
  const made = await api.call('POST', '/api/commands/products', { body: { sku, name: sku, basePrice: '4.00' } });
  const id = String(made.body['productId']);
  await api.call('POST', `/api/commands/products/${id}/inventory`, { body: { delta: stock } });
  return id;
}
const put = (cart: string, body: unknown, method: 'POST' | 'PUT' = 'POST', as: Call['as'] = 'customer') =>
  api.call(method, `/api/commands/carts/${cart}/items`, { as, body });
const line = (productId: string, quantity: number) => ({ productId, variantId: productId, quantity });

test('a cart begins with its first line, follows its lines, and is read at the position of each change', async () => {
  const cart = randomUUID();
  const begun = await put(cart, { productId: mug, quantity: 2 });
  expect(begun).toMatchObject({ status: 201, body: { cartId: cart, customerId, status: 'active', units: 2 } });
  expect(api.positions.decode(begun.headers['millrace-position'] ?? '')).toBeGreaterThan(0n);
  expect((await put(cart, { productId: mug, quantity: 3 })).body).toMatchObject({ items: [line(mug, 5)], units: 5 });
  const pot = await newProduct('POT', 1);
  const two = [line(mug, 1), line(pot, 4)].sort((a, b) => (a.productId < b.productId ? -1 : 1));
  await put(cart, { productId: mug, quantity: 1 }, 'PUT');
  expect((await put(cart, { productId: pot, quantity: 4 }, 'PUT')).body).toMatchObject({ items: two });
  expect((await put(cart, { productId: pot, quantity: 0 }, 'PUT')).body).toMatchObject({ items: [line(mug, 1)] });
  const emptied = await api.call('DELETE', `/api/commands/carts/${cart}/items`, { as: 'customer' });
  expect(emptied).toMatchObject({ status: 200, body: { items: [], units: 0 } });
});

test('a cart is read from Postgres where the view has not got there, abandoned after a day', async () => {
  const cart = randomUUID();
  const { headers } = await put(cart, { productId: mug, quantity: 2 });
  const read = (as: Call['as'] = 'customer') =>
    api.call('GET', `/api/queries/carts/${cart}`, {
      as,
      headers: { 'millrace-position': headers['millrace-position'] ?? '', 'millrace-wait': '0' },
    });
  expect(await read()).toMatchObject({ status: 200, body: { items: [line(mug, 2)], units: 2, abandonedAt: null } });
  expect((await read(principalOf('customer', randomUUID()))).status).toBe(403);
  const left = new Date(Date.now() - 25 * 3600 * 1000);
  await api.sql.query('update commerce.carts set updated_at = $2 where cart_id = $1', [cart, left]);
  await api.sql.query('update commerce.cart_items set updated_at = $2 where cart_id = $1', [cart, left]);
  const abandonedAt = new Date(left.getTime() + 24 * 3600 * 1000).toISOString();
  expect((await read('support')).body).toMatchObject({ lastActivityAt: left.toISOString(), abandonedAt });
});

test('an order that is placed from a cart ends it, and one that is refused leaves it open', async () => {
  const cart = randomUUID();
  await put(cart, { productId: mug, quantity: 1 });
  const order = (quantity: number) =>
    api.call('POST', '/api/commands/orders', {
      as: 'customer',
      body: { cartId: cart, items: [{ productId: mug, quantity }] },
    });
  expect((await order(9_999)).status).toBe(409);
  expect((await put(cart, { productId: mug, quantity: 1 })).status).toBe(201);
  expect((await order(1)).status).toBe(201);
  expect(await put(cart, { productId: mug, quantity: 1 })).toMatchObject({
    status: 409,
    body: { type: '/problems/conflict', detail: expect.stringContaining('ordered') },
  });
  expect((await order(1)).status).toBe(409);
});

test('what cannot be put into a cart is refused by name, and begins none', async () => {
  const cart = randomUUID();
  const draft = await api.call('POST', '/api/commands/products', {
    body: { sku: 'DRAFT', name: 'Draft', basePrice: '1', status: 'draft' },
  });
  for (const [body, field] of [
    [{ productId: randomUUID(), quantity: 1 }, 'productId'],
    [{ productId: draft.body['productId'], quantity: 1 }, 'productId'],
    [{ productId: mug, variantId: randomUUID(), quantity: 1 }, 'variantId'],
    [{ productId: mug, quantity: 0 }, 'quantity'],
    [{ productId: mug, quantity: 1.5 }, 'quantity'],
  ] as const) {
    const answer = await put(cart, body);
    expect([field, answer.status]).toEqual([field, 400]);
    expect((answer.body as unknown as { errors: { field: string }[] }).errors[0]?.field).toBe(field);
  }
  expect((await api.sql.query('select from commerce.carts where cart_id = $1', [cart])).rowCount).toBe(0);
});

test('a customer’s cart is nobody else’s; an admin fills anybody’s', async () => {
  const cart = randomUUID();
  await put(cart, { productId: mug, quantity: 1 });
  const other = principalOf('customer', randomUUID());
  expect((await put(cart, { productId: mug, quantity: 1 }, 'POST', other)).status).toBe(403);
  expect((await put(randomUUID(), { productId: mug, quantity: 1 }, 'POST', 'vendor')).status).toBe(403);
  expect((await put(cart, { productId: mug, quantity: 1 }, 'POST', 'admin')).body).toMatchObject({
    units: 2,
    customerId,
  });
  const own = await put(randomUUID(), { productId: mug, quantity: 1, customerId }, 'POST', 'admin');
  expect(own.body).toMatchObject({ customerId });
});

test('what many put into one cart at once adds up', async () => {
  const cart = randomUUID();
  const answers = await Promise.all(Array.from({ length: 8 }, () => put(cart, { productId: mug, quantity: 1 })));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 201));
  expect((await put(cart, { productId: mug, quantity: 1 })).body).toMatchObject({ units: 9 });
});
