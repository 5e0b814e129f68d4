import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'pg';
import { createTestDatabase } from '@millrace/database/testing';
import type { TestDatabase } from '@millrace/database/testing';
import { leaveCarts } from './left-carts.ts';
import { loadDemoShop } from './load.ts';
import { traffic } from './traffic.ts';

jest.setTimeout(60_000);

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new Pool({ connectionString: database.url });
  await loadDemoShop(pool, { seed: 's', limitOrders: 10 });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function number(sql: string): Promise<number> {
  const result = await pool.query<{ n: number }>(`select (${sql})::int as n`);
  return result.rows[0]!.n;
}

test('a shop without carts is given those of three days, once', async () => {
  await leaveCarts(pool);
  await leaveCarts(pool);
  expect(await number('select count(*) from commerce.carts')).toBe(300);
  expect(await number('select count(distinct cart_id) from commerce.cart_items')).toBe(300);
  const left = `select count(*) from commerce.carts where updated_at between now() - interval '73 hours' and now() - interval '24 hours'`;
  expect(await number(left)).toBeGreaterThanOrEqual(199);
  await pool.query('delete from commerce.carts');
});

describe('traffic by plain SQL', () => {
  test('changes the shop at its rate and keeps its books in order', async () => {
    const ordersBefore = await number('select count(*) from commerce.orders');
    const totals = await traffic({ tps: 100, seconds: 2, databaseUrl: database.url, share: 1 });
    expect(totals.errorMessages).toEqual({});
    expect(totals.done + totals.refused + totals.late).toBe(200);
    expect(totals.done).toBeGreaterThan(100);
    expect(totals.byApi).toBe(0);
    expect(Object.keys(totals.byAction).sort()).toEqual([
      'browse',
      'change-price',
      'fill-cart',
      'move-order',
      'place-order',
      'restock',
      'tag',
    ]);
    expect(await number('select count(*) from commerce.orders')).toBeGreaterThan(ordersBefore);

    // What was taken from stock and put into it is what the movements say.
    expect(
      await number(`select count(*) from commerce.inventory i where quantity <> (
        select coalesce(sum(delta), 0) from commerce.stock_movements m
        where (m.product_id, m.variant_id, m.warehouse_id) = (i.product_id, i.variant_id, i.warehouse_id))`),
    ).toBe(0);
    // Each order's history ends where the order is, and its lines add up to its subtotal.
    expect(
      await number(`select count(*) from commerce.orders o where status <> (
        select to_status from commerce.order_status_history h where h.order_id = o.order_id order by at desc, history_id desc limit 1)`),
    ).toBe(0);
    expect(
      await number(`select count(*) from commerce.orders o where subtotal <> (
        select sum(total_price) from commerce.order_items i where i.order_id = o.order_id)`),
    ).toBe(0);
  });

  test('nothing left to sell is a refusal, not an error', async () => {
    await pool.query('update commerce.inventory set quantity = 0, reserved = 0');
    const totals = await traffic({ tps: 100, seconds: 0.5, databaseUrl: database.url, share: 1, seed: 'empty' });
    expect(totals.errors).toBe(0);
    expect(totals.byAction['place-order']?.refused).toBeGreaterThan(0);
  });

  test('is stopped at once, and finishes what is under way', async () => {
    const stop = new AbortController();
    const running = traffic({ tps: 1, databaseUrl: database.url, share: 1, signal: stop.signal });
    const startedAt = performance.now();
    stop.abort();
    expect((await running).errors).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });
});

describe('what goes wrong is counted and told', () => {
  test('a database that does not answer', async () => {
    const totals = await traffic({ tps: 20, seconds: 0.4, databaseUrl: 'postgres://x@127.0.0.1:1/x', share: 1 });
    expect(totals.errors).toBe(8);
    expect(totals.errorMessages).toEqual({ 'connect ECONNREFUSED 127.0.0.1:1': 8 });
  });

  test('an API that does not answer, while plain SQL goes on', async () => {
    const totals = await traffic({
      tps: 100, seconds: 1, databaseUrl: database.url, apiUrl: 'http://127.0.0.1:1', share: 0.5,
    }); // prettier-ignore
    expect(totals.byApi).toBe(totals.errors);
    expect(totals.byApi).toBeGreaterThan(20);
    expect(totals.bySql).toBeGreaterThan(20);
    expect(Object.keys(totals.errorMessages)[0]).toMatch(/^the API does not answer: .*/);
  });
});

describe('traffic through the API', () => {
  test('sends commands with a token and a new key each, counts refusals, and fetches a new token when it is refused', async () => {
    const seen: { method: string; path: string; key: unknown; token: unknown; body: string }[] = [];
    let tokens = 0;
    let visits = 0;
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const path = request.url ?? '';
        const answer = (status: number, value: unknown) => {
          response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
        };
        if (path === '/api/demo/token') {
          answer(200, { token: `token-${(tokens += 1)}` });
          return;
        }
        if (path === '/api/events') {
          visits += 1;
          expect(request.headers.authorization).toBeUndefined();
          answer(201, {});
          return;
        }
        const token = request.headers.authorization;
        seen.push({ method: request.method ?? '', path, key: request.headers['idempotency-key'], token, body });
        if (seen.length === 3) {
          answer(401, { title: 'Unauthenticated', detail: 'expired' });
          return;
        }
        if (path.endsWith('/inventory')) {
          answer(409, { type: 'insufficient-stock' });
          return;
        }
        answer(201, { orderId: '00000000-0000-7000-8000-000000000009' });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const totals = await traffic({ tps: 50, seconds: 1, databaseUrl: database.url, apiUrl, share: 0 });
    server.closeAllConnections();
    server.close();

    expect(totals.bySql).toBe(0);
    expect(totals.refused).toBe(totals.byAction['restock']?.refused);
    expect(totals.errors).toBe(1);
    expect(Object.keys(totals.errorMessages)[0]).toMatch(/answered 401 Unauthenticated expired$/);
    expect(tokens).toBe(2);
    expect(visits).toBe(totals.byAction['browse']?.done);
    expect(new Set(seen.map(({ key }) => key)).size).toBe(seen.length);
    expect(seen.at(-1)?.token).toBe('Bearer token-2');
    const order = seen.find(({ path }) => path === '/api/commands/orders');
    expect(JSON.parse(order!.body)).toMatchObject({
      customerId: expect.any(String),
      items: expect.arrayContaining([
        { productId: expect.any(String), variantId: expect.any(String), quantity: expect.any(Number) },
      ]),
    });
  });
});
