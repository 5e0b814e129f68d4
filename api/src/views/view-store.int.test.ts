import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { OwnRedisCluster } from '@millrace/infra-local/testing';
import { connectRedis, createRedisClient } from '@millrace/kernel/redis-client';
import type { RedisClient } from '@millrace/kernel/redis-client';
import { silentLogger } from '@millrace/kernel/telemetry';
import { partitionOf } from '@millrace/schemas/partition';
import { formatWatermark, redisNames } from '@millrace/schemas/stores';
import { connectViewStore } from './view-store.ts';
import type { ViewStore } from './view-store.ts';

jest.setTimeout(120_000);

const PARTITIONS = 4;
const ids = Array.from({ length: 30 }, (_, n) => `o${n}`);

describe('the views in a Redis Cluster', () => {
  let cluster: OwnRedisCluster;
  let redis: RedisClient;
  let views: ViewStore;
  beforeAll(async () => {
    cluster = await OwnRedisCluster.start();
    redis = createRedisClient(cluster.url, { commandTimeoutMs: 15_000 });
    await connectRedis(redis);
    for (const generation of [1, 2]) await fill(generation);
    const { url } = cluster;
    views = connectViewStore({ url, keyPrefix: '', partitions: PARTITIONS, logger: silentLogger() });
    await answers(() => views.ping());
  });
  afterAll(async () => {
    await views.close();
    redis.disconnect();
    await cluster.remove();
  });

  test('entries are read by id, one and many, with what is applied', async () => {
    const entry = await views.entry('order', 'o7');
    expect(entry).toMatchObject({ data: { orderId: 'o7', generation: 1 }, mark: { lsn: 7n } });
    const many = await views.entries('order', [...ids, 'none']);
    expect(many.map((order) => order?.orderId ?? null)).toEqual([...ids, null]);
    expect(await views.entry('order', 'none')).toMatchObject({ data: null, mark: { lsn: 7n } });
  });

  test('a list is read page by page, the newest first', async () => {
    const first = await views.page('customerOrders', 'k1', 'order', 20);
    expect(first.entries.map(({ orderId }) => orderId)).toEqual(ids.toReversed().slice(0, 20));
    expect(first.marks.size).toBe(PARTITIONS);
    expect(first.next).not.toBeNull();
    const second = await views.page('customerOrders', 'k1', 'order', 20, first.next ?? undefined);
    expect(second.entries.map(({ orderId }) => orderId)).toEqual(ids.toReversed().slice(20));
    expect(second.next).toBeNull();
  });

  test('a switch holds from the first read after it', async () => {
    await redis.hset(redisNames().generations, 'orders', '2');
    expect((await views.entry('order', 'o7')).data).toMatchObject({ generation: 2 });
    expect((await views.entries('order', ['o8']))[0]).toMatchObject({ generation: 2 });
    await redis.hdel(redisNames().generations, 'orders');
    expect((await views.page('customerOrders', 'k1', 'order', 1)).entries[0]).toMatchObject({ generation: 1 });
  });

  test('a master that is replaced by its replica: what it held is read from there', async () => {
    await cluster.replicaIsEqual();
    await cluster.failOver();
    await answers(() => views.entries('order', ids));
    expect((await views.entries('order', ids)).map((order) => order?.orderId)).toEqual(ids);
    await answers(() => views.ping());
  });

  async function fill(generation: number): Promise<void> {
    const names = redisNames('', () => generation);
    for (const [n, orderId] of ids.entries()) {
      const data = JSON.stringify({ orderId, generation });
      await redis.hset(names.entry('order', orderId) ?? '', { position: '7', committedAt: '', data });
      await redis.zadd(names.customerOrders('k1'), n, orderId);
      const mark = formatWatermark({ lsn: 7n, committedAtMs: 0, offset: 1n });
      await redis.hset(names.watermark('orders'), String(partitionOf(orderId, PARTITIONS)), mark);
    }
  }
});

/** Once it does not throw any more. */
async function answers(read: () => Promise<unknown>): Promise<void> {
  for (const deadlineMs = performance.now() + 60_000; ;) {
    try {
      await read();
      return;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
