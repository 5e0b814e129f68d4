import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { lsnText } from '@millrace/kernel/position';
import { DEMO_TENANT } from '@millrace/kernel/security';
import { partitionOf } from '@millrace/schemas/partition';
import { formatWatermark, redisNames, viewsInStore } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import { DEFAULT_PARTITIONS } from '@millrace/schemas/topics';
import { customerId, principalOf } from '../testing/principals.ts';
import { startTestApi } from '../testing/test-api.ts';
import type { TestApi } from '../testing/test-api.ts';

let api: TestApi;
const productId = '0198c1d2-0000-7000-8000-00000000a001';
const orderId = '0198c1d2-0000-7000-8000-00000000b001';
const vendorId = '0198c1d2-0000-7000-8000-00000000d001';
const categoryId = '0198c1d2-0000-7000-8000-00000000e001';

const product = (id: string, name: string) => ({ tenantId: DEMO_TENANT, productId: id, sku: id, name });
const order = {
  tenantId: DEMO_TENANT,
  orderId,
  customerId,
  status: 'pending',
  items: [
    { productId, vendorId, name: 'Mug', quantity: 1 },
    { productId, vendorId: null, name: 'Cup', quantity: 2 },
  ],
};

beforeAll(async () => {
  api = await startTestApi();
  for (const view of ['catalog', 'inventory', 'pricing', 'orders'] as const) await markAll(view, 1_000n);
  const names = redisNames(api.redisPrefix);
  await put(names.entry('product', productId), product(productId, 'Mug'));
  await put(names.entry('order', orderId), order);
  await api.redis.zadd(names.customerOrders(customerId), 1, orderId);
  await api.redis.zadd(names.vendorOrders(vendorId), 1, orderId);
  for (const [n, id] of ['a', 'b', 'c'].entries()) {
    const key = `0198c1d2-0000-7000-8000-0000000000c${id}`;
    await put(names.entry('product', key), product(key, id));
    await api.redis.zadd(names.categoryChildren(categoryId), 1 + Math.floor(n / 2), key);
  }
}, 60_000);
afterAll(async () => {
  await api.close();
}, 60_000);

async function put(key: string | null, data: unknown): Promise<void> {
  const fields = { position: lsnText(900n), committedAt: '2026-01-01T00:00:00.000Z', data: JSON.stringify(data) };
  await api.redis.hset(key ?? '', fields);
}

function markOf(lsn: bigint, ageMs = 50): string {
  return formatWatermark({ lsn, committedAtMs: Date.now() - ageMs, offset: 1n });
}

async function markAll(view: ViewName, lsn: bigint): Promise<void> {
  const fields = Object.fromEntries(Array.from({ length: DEFAULT_PARTITIONS }, (_, n) => [String(n), markOf(lsn)]));
  await api.redis.hset(redisNames(api.redisPrefix).watermark(view), fields);
}

const token = (lsn: bigint) => ({ 'millrace-position': api.positions.encode(lsn) });

describe('recommendations', () => {
  const [lamp, shade, gone] = ['e1', 'e2', 'e3'].map((end) => `0198c1d2-0000-7000-8000-0000000000${end}`) as [
    string,
    string,
    string,
  ];

  test('are products that can be bought now, the best first, complete up to what both views have', async () => {
    const names = redisNames(api.redisPrefix);
    await markAll('recommendations', 800n);
    await put(names.entry('product', lamp), { ...product(lamp, 'Lamp'), status: 'active' });
    await put(names.entry('product', shade), { ...product(shade, 'Shade'), status: 'active' });
    await put(names.entry('product', gone), { ...product(gone, 'Gone'), status: 'archived' });
    const items = [gone, shade].map((id, at) => ({ productId: id, score: 1.5 - at, orders: 2 - at }));
    const data = { tenantId: DEMO_TENANT, productId: lamp, items, asOf: '2026-01-01T00:00:00.000Z' };
    await put(names.entry('recommendation', lamp), data);
    const answer = await api.call('GET', `/api/queries/products/${lamp}/recommendations`, { as: 'nobody' });
    expect(answer).toMatchObject({ status: 200, body: { productId: lamp, asOf: data.asOf } });
    expect(answer.body['items']).toMatchObject([
      { score: 0.5, orders: 1, product: { productId: shade, name: 'Shade' } },
    ]);
    expect(api.positions.decode(answer.headers['millrace-position'] ?? '')).toBe(800n);
  });

  test('of a product that was bought with nothing are none, of no product are 404, and late ones are said to be late', async () => {
    const none = await api.call('GET', `/api/queries/products/${shade}/recommendations`);
    expect(none).toMatchObject({ status: 200, body: { productId: shade, asOf: null, items: [] } });
    expect((await api.call('GET', `/api/queries/products/${customerId}/recommendations`)).status).toBe(404);
    const late = await api.call('GET', `/api/queries/products/${lamp}/recommendations`, {
      headers: { ...token(900n), 'millrace-wait': '10' },
    });
    expect(late).toMatchObject({ status: 503, body: { type: '/problems/view-behind' } });
  });
});

describe('an object', () => {
  test('comes from its view and states position and age', async () => {
    const answer = await api.call('GET', `/api/queries/products/${productId.toUpperCase()}`, { as: 'nobody' });
    expect(answer).toMatchObject({ status: 200, body: { productId, name: 'Mug' } });
    expect(answer.headers['millrace-source']).toBe('view');
    expect(api.positions.decode(answer.headers['millrace-position'] ?? '')).toBe(1_000n);
    expect(Number(answer.headers['millrace-staleness-ms'])).toBeGreaterThanOrEqual(50);
  });

  test('that is not there is 404, and still states the position that says so', async () => {
    const answer = await api.call('GET', `/api/queries/products/${customerId}/inventory`);
    expect(answer).toMatchObject({ status: 404, body: { type: '/problems/not-found' } });
    expect(answer.headers['millrace-position']).toBeDefined();
  });

  test('waits for the token’s position and answers as soon as the view has it', async () => {
    const id = '0198c1d2-0000-7000-8000-00000000a002';
    const waiting = api.call('GET', `/api/queries/products/${id}/prices`, {
      headers: { ...token(2_000n), 'millrace-wait': '20000' },
    });
    const names = redisNames(api.redisPrefix);
    await put(names.entry('price', id), { tenantId: DEMO_TENANT, productId: id, amount: '1.00' });
    await api.redis.hset(names.watermark('pricing'), String(partitionOf(id, DEFAULT_PARTITIONS)), markOf(2_000n));
    const answer = await waiting;
    expect(answer).toMatchObject({ status: 200, body: { amount: '1.00' } });
    expect(answer.headers['millrace-source']).toBe('view');
  });

  test('comes from Postgres when the view does not get there in time', async () => {
    const created = await api.call('POST', '/api/commands/products', {
      body: { sku: 'FALL-1', name: 'Fallback', basePrice: '12.50', tags: [{ name: 'color', value: 'red' }] },
    });
    const id = String(created.body['productId']);
    await api.call('POST', `/api/commands/products/${id}/inventory`, { body: { delta: 5 } });
    const scheduled = await api.call('POST', `/api/commands/products/${id}/prices`, {
      body: { amount: '9.90', reason: 'sale', validTo: '2100-01-01T00:00:00Z' },
    });
    // The variant's own price leaves the product's as it is.
    const own = await api.call('POST', `/api/commands/products/${id}/prices`, {
      body: { amount: '7.00', variantId: id },
    });
    expect([scheduled.status, own.status]).toEqual([201, 201]);
    const headers = { 'millrace-position': own.headers['millrace-position'] ?? '', 'millrace-wait': '10' };
    const answer = await api.call('GET', `/api/queries/products/${id}`, { headers });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        sku: 'FALL-1',
        price: { amount: '9.90', currency: 'USD' },
        stock: { available: 5, status: 'low_stock' },
        tags: [{ name: 'color', value: 'red' }],
        variants: [{ variantId: id, sku: 'FALL-1', amount: '7.00', available: 5 }],
        rating: { average: null, count: 0 },
        categoryPath: [],
      },
    });
    expect(answer.headers).toMatchObject({ 'millrace-source': 'postgres', 'millrace-staleness-ms': '0' });
    const stock = await api.call('GET', `/api/queries/products/${id}/inventory`, { headers });
    expect(stock.body).toMatchObject({ onHand: 5, variants: [{ variantId: id, warehouses: [{ available: 5 }] }] });
    const price = await api.call('GET', `/api/queries/products/${id}/prices`, { headers });
    expect(price.body).toMatchObject({
      amount: '9.90',
      baseAmount: '12.50',
      reason: 'sale',
      validUntil: '2100-01-01T00:00:00.000Z',
      nextChangeAt: '2100-01-01T00:00:00.000Z',
      variants: [{ variantId: id, amount: '7.00', reason: 'scheduled', validUntil: null }],
    });
    expect((await api.call('GET', `/api/queries/products/${customerId}`, { headers })).status).toBe(404);
  });

  test('order: read your own write at once, view or not', async () => {
    await api.sql.query(`insert into commerce.customers (customer_id, email) values ($1, 'q@example.com')`, [
      customerId,
    ]);
    const created = await api.call('POST', '/api/commands/products', {
      body: { sku: 'RYW', name: 'R', basePrice: '2' },
    });
    const id = String(created.body['productId']);
    await api.call('POST', `/api/commands/products/${id}/inventory`, { body: { delta: 1 } });
    const placed = await api.call('POST', '/api/commands/orders', {
      as: 'customer',
      body: { items: [{ productId: id, quantity: 1 }] },
    });
    const headers = { 'millrace-position': placed.headers['millrace-position'] ?? '', 'millrace-wait': '0' };
    const url = placed.headers['location'] ?? '';
    expect(await api.call('GET', url, { as: 'customer', headers })).toMatchObject({
      status: 200,
      body: {
        totalAmount: '2.00',
        customerId,
        items: [{ productId: id, name: 'R' }],
        timeline: [{ status: 'pending' }],
      },
    });
  });

  test.each([
    ['altered token', { 'millrace-position': 'MTAw.AAAAAAAAAAAAAAAAAAAAAA' }],
    ['wait that is no number', { 'millrace-wait': 'long' }],
    ['negative wait', { 'millrace-wait': '-1' }],
  ])('is refused with 400 for an %s', async (_name, headers) => {
    expect(await api.call('GET', `/api/queries/products/${productId}`, { headers })).toMatchObject({
      status: 400,
      body: { type: '/problems/validation-failed' },
    });
  });
});

describe('orders', () => {
  const other = principalOf('customer', '0198c1d2-0000-7000-8000-000000000c77');

  test.each([
    ['nobody', 'nobody', 401],
    ['another customer', other, 403],
    ['another vendor', principalOf('vendor', categoryId), 403],
    ['its customer', 'customer', 200],
    ['its vendor', principalOf('vendor', vendorId), 200],
    ['support', 'support', 200],
  ] as const)('are shown to %s with %s %d', async (_name, as, status) => {
    expect((await api.call('GET', `/api/queries/orders/${orderId}`, { as })).status).toBe(status);
    expect((await api.call('GET', `/api/orders/${orderId}`, { as })).status).toBe(status);
  });

  test('show a vendor only its own lines', async () => {
    const answer = await api.call('GET', `/api/queries/vendors/${vendorId}/orders`, {
      as: principalOf('vendor', vendorId),
    });
    expect(answer.body).toMatchObject({ items: [{ orderId, items: [{ name: 'Mug' }] }] });
  });

  test('of a customer are a list of their own', async () => {
    const url = `/api/queries/customers/${customerId}/orders`;
    expect((await api.call('GET', url, { as: 'customer' })).body).toMatchObject({
      items: [{ orderId }],
      nextCursor: null,
    });
    expect((await api.call('GET', '/api/orders', { as: 'customer' })).body).toMatchObject({ items: [{ orderId }] });
    expect((await api.call('GET', url, { as: other })).status).toBe(403);
    expect((await api.call('GET', '/api/orders')).status).toBe(400);
  });

  test('as a list beyond the view’s position are 503 with Retry-After', async () => {
    const answer = await api.call('GET', `/api/queries/customers/${customerId}/orders`, {
      headers: { ...token(1n << 50n), 'millrace-wait': '5' },
    });
    expect(answer).toMatchObject({ status: 503, body: { type: '/problems/view-behind' } });
    expect(answer.headers['retry-after']).toBe('1');
  });
});

test('a category’s products come page by page, each once, newest first', async () => {
  const url = `/api/queries/categories/${categoryId}/children?limit=2`;
  const first = await api.call('GET', url);
  const names = (answer: typeof first) =>
    (answer.body['items'] as unknown as { name: string }[]).map(({ name }) => name);
  const second = await api.call('GET', `${url}&cursor=${String(first.body['nextCursor'])}`);
  expect([...names(first), ...names(second)]).toEqual(['c', 'b', 'a']);
  expect(second.body['nextCursor']).toBeNull();
  const elsewhere = url.replace(categoryId, vendorId);
  expect((await api.call('GET', `${elsewhere}&cursor=${String(first.body['nextCursor'])}`)).status).toBe(400);
});

describe('without its engines', () => {
  let alone: TestApi;
  beforeAll(async () => {
    const nowhere = 'http://127.0.0.1:9';
    alone = await startTestApi({ REDIS_URL: 'redis://127.0.0.1:9', ELASTICSEARCH_URL: nowhere });
  }, 60_000);
  afterAll(() => alone.close(), 60_000);

  test.each(['/api/search', `/api/queries/products/${productId}`, '/api/queries/suggest?q=a'])(
    'GET %s is 503',
    async (url) => {
      const answer = await alone.call('GET', url);
      expect(answer).toMatchObject({ status: 503, body: { type: '/problems/store-unavailable' } });
      expect(answer.headers['retry-after']).toBe('1');
      expect(JSON.stringify(answer.body)).not.toMatch(/ECONN|127\.0|at .*\.ts/);
    },
  );

  test('commands go on, /health is up and /ready says what is missing', async () => {
    const body = { sku: 'ALONE', name: 'Alone', basePrice: '1' };
    expect((await alone.call('POST', '/api/commands/products', { body })).status).toBe(201);
    expect((await alone.call('GET', '/health')).status).toBe(200);
    const ready = await alone.call('GET', '/ready');
    expect(ready).toMatchObject({ status: 503, body: { ready: false, checks: { postgres: 'up' } } });
    expect(ready.body['reason']).toMatch(/redis.*search/);
    const lag = await alone.call('GET', '/api/ops/views');
    expect(lag.status).toBe(200);
    const views = lag.body['views'] as unknown as { store: string; view: string }[];
    const asked = views.map(({ store, view }) => `${store} ${view}`);
    expect(asked).toEqual([...viewsInStore.redis.map((view) => `redis ${view}`), 'search catalog']);
  });
});

test('/api/ops/views states each partition of each view in each store', async () => {
  const { body } = await api.call('GET', '/api/ops/views', { as: 'nobody' });
  expect(body['views']).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        view: 'orders',
        store: 'redis',
        partitions: expect.arrayContaining([expect.objectContaining({ partition: 3, position: lsnText(1_000n) })]),
      }),
    ]),
  );
});
