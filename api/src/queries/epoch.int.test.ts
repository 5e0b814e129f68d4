import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { formatWatermark, redisNames } from '@millrace/schemas/stores';
import { DEFAULT_PARTITIONS } from '@millrace/schemas/topics';
import { startTestApi } from '../testing/test-api.ts';
import type { TestApi } from '../testing/test-api.ts';

/** A source whose history was replaced: its LSNs are behind those that the views have, its positions are not. */
let api: TestApi;
let productId: string;
beforeAll(async () => {
  api = await startTestApi();
}, 60_000);
afterAll(() => api.close());

const EPOCH = 1n << 56n;
const OLD_HISTORY = 1n << 50n;

async function markAll(lsn: bigint): Promise<void> {
  const mark = formatWatermark({ lsn, committedAtMs: Date.now(), offset: 1n });
  const fields = Object.fromEntries(Array.from({ length: DEFAULT_PARTITIONS }, (_, n) => [String(n), mark]));
  const names = redisNames(api.redisPrefix);
  for (const view of ['catalog', 'orders'] as const) await api.redis.hset(names.watermark(view), fields);
}

async function createProduct(sku: string): Promise<string> {
  const body = { sku, name: 'Mug', basePrice: '19.90' };
  const answer = await api.call('POST', '/api/commands/products', { body });
  expect(answer.status).toBe(201);
  productId = String(answer.body['productId']);
  return answer.headers['millrace-position'] ?? '';
}

const read = (token: string, url = `/api/queries/products/${productId}`) =>
  api.call('GET', url, { headers: { 'millrace-position': token, 'millrace-wait': '50' } });

test('a token made after the capture chose an epoch is waited for; one made before is still good', async () => {
  await markAll(OLD_HISTORY);
  const before = await createProduct('before');
  expect(api.positions.decode(before) >> 56n).toBe(0n);
  expect((await read(before)).headers['millrace-source']).toBe('view');

  await api.sql.query(`insert into millrace.capture_epochs values ('millrace', 1), ('another', 7)`);
  const after = await createProduct('after');
  const position = api.positions.decode(after);
  expect(position >> 56n).toBe(1n);
  // The views have a larger LSN, of the history that was replaced.
  expect((await read(after)).headers['millrace-source']).toBe('postgres');
  expect(await read(after, '/api/queries/customers/0198c1d2-0000-7000-8000-00000000f001/orders')).toMatchObject({
    status: 503,
    body: { type: '/problems/view-behind' },
  });
  expect((await read(before)).headers['millrace-source']).toBe('view');

  await markAll(position - 1n);
  expect((await read(after)).headers['millrace-source']).toBe('postgres');
  await markAll(position);
  expect((await read(after)).headers['millrace-source']).toBe('view');
  expect((await read(before)).headers['millrace-source']).toBe('view');
  expect(position).toBeLessThan(EPOCH + OLD_HISTORY);
});
