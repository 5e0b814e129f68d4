import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { OwnRedisCluster } from '@millrace/infra-local/testing';
import { loadConfig } from '@millrace/kernel/config';
import { lsnText } from '@millrace/kernel/position';
import { redisAnswers } from '@millrace/kernel/redis-client';
import { firstGeneration, formatWatermark, redisNames } from '@millrace/schemas/stores';
import { cliSettings } from '../../config/index.ts';
import type { CliConfig } from '../../config/index.ts';
import { openStoreClients } from '../../lag/store-clients.ts';
import type { StoreClients } from '../../lag/store-clients.ts';
import { redisMarks } from '../../lag/watermarks.ts';
import { redisStoreViews } from './redis.ts';

jest.setTimeout(120_000);

const ids = Array.from({ length: 500 }, (_, n) => `cart-${n}`);
const names = redisNames('v:');
let cluster: OwnRedisCluster;
let clients: StoreClients;
let config: CliConfig;

beforeAll(async () => {
  cluster = await OwnRedisCluster.start();
  config = loadConfig(cliSettings, { REDIS_URL: cluster.url, REDIS_KEY_PREFIX: 'v:' });
  clients = await openStoreClients(config);
  const data = JSON.stringify({ items: [], status: 'open', customerId: null, updatedAt: '2026-01-01T00:00:00.000Z' });
  await redisAnswers(
    clients.redis,
    ids.map((id) => ['hset', names.entry('cart', id) ?? '', 'position', lsnText(7n), 'data', data] as const),
  );
  await clients.redis.hset(names.watermark('carts'), '0', formatWatermark({ lsn: 9n, committedAtMs: 0, offset: 1n }));
});
afterAll(async () => {
  await clients.close();
  await cluster.remove();
});

test('verify and lag see every entry and mark of a Redis Cluster, whichever node has it', async () => {
  const carts = redisStoreViews(clients, config, firstGeneration).find(({ view }) => view === 'carts')!;
  const found = new Set<string>();
  for await (const page of carts.ids()) for (const id of page) found.add(id);
  expect([...found].sort()).toEqual([...ids].sort());
  expect((await carts.fetch(['cart-1', 'none', 'cart-2'])).size).toBe(2);
  expect(await redisMarks(clients, config)).toMatchObject([{ view: 'carts', partition: 0, lsn: 9n }]);
  // What reports on memory ask, of a key on any node.
  for (const id of ids.slice(0, 20)) {
    expect(await clients.redis.memory('USAGE', names.entry('cart', id) ?? '')).toBeGreaterThan(0);
  }
});
