import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { redisKeys } from '@millrace/infra-local/testing';
import { lsnText } from '@millrace/kernel/position';
import { connectRedis, isCluster, removeFromRedis } from '@millrace/kernel/redis-client';
import type { RedisClient } from '@millrace/kernel/redis-client';
import { REDIS_DELETED_TTL_SECONDS, formatWatermark, redisNames } from '@millrace/schemas/stores';
import { silentObserver } from '../../port/index.ts';
import { sinkContract } from '../../port/testing/contract.ts';
import { batchWith, entryAt, exampleOrder, exampleProduct, exampleStock } from '../../port/testing/examples.ts';
import { createRedis } from '../client.ts';
import { RedisSink } from '../index.ts';
import { withScripts } from '../schema.ts';
import { redisSetCases } from './redis-set-cases.ts';

export interface RedisCases {
  /** Known once the tests run. */
  readonly url: () => string;
  /** Where a single server is, so that the way to it can be cut. */
  readonly serverUrl?: string;
}

/** What the sink does on any Redis: the contract of a sink, and what is its own. */
export function redisSinkCases(name: string, { url, serverUrl }: RedisCases): void {
  const base = `test:sinks:${process.pid}:${Date.now()}:`;
  let redis: RedisClient;
  let stores = 0;

  beforeAll(async () => {
    redis = createRedis(url());
    await connectRedis(redis);
  });
  afterAll(async () => {
    await removeFromRedis(redis, `${base}*`);
    redis.disconnect();
  });

  const keysOf = (prefix: string): Promise<string[]> => redisKeys(redis, `${prefix}*`);
  const newPrefix = (): string => `${base}${++stores}:`;
  const contents = (prefix: string) => redisContents(redis, prefix);

  async function openSink(keyPrefix: string): Promise<RedisSink> {
    const sink = new RedisSink({ url: url(), keyPrefix });
    await sink.open(silentObserver);
    return sink;
  }

  sinkContract(
    name,
    () => {
      const keyPrefix = newPrefix();
      return Promise.resolve({
        createSink: (way = url()) => new RedisSink({ url: way, keyPrefix }),
        contents: () => contents(keyPrefix),
        drop: () => Promise.resolve(),
      });
    },
    serverUrl === undefined ? {} : { url: serverUrl },
  );

  describe(name, () => {
    test('entries are hashes with position, commit time and JSON; deleted ones expire after a week', async () => {
      const prefix = newPrefix();
      const sink = await openSink(prefix);
      await sink.write([batchWith(entryAt('stock', 'p1', 7n, exampleStock))]);
      expect(await redis.hgetall(`${prefix}inventory:p1`)).toEqual({
        position: lsnText(7n),
        committedAt: '2026-01-01T00:00:00.007Z',
        data: JSON.stringify(exampleStock),
      });
      await sink.write([batchWith(entryAt('stock', 'p1', 8n, null))]);
      expect(await redis.hgetall(`${prefix}inventory:p1`)).toEqual({
        position: lsnText(8n),
        committedAt: '2026-01-01T00:00:00.008Z',
        deleted: '1',
      });
      expect(await redis.ttl(`${prefix}inventory:p1`)).toBeGreaterThan(REDIS_DELETED_TTL_SECONDS - 60);
      await sink.close();
    });

    test('a product leaves the lists of tags and categories it no longer has', async () => {
      const prefix = newPrefix();
      const names = redisNames(prefix);
      const sink = await openSink(prefix);
      const tag = (name: string, value: string | null) => ({ tagId: name, name, value });
      const product = { ...exampleProduct, categoryId: 'c1', tags: [tag('color', 'red'), tag('new', null)] };
      const score = Date.parse(product.createdAt);
      await sink.write([batchWith(entryAt('product', 'p1', 1n, product), entryAt('product', 'p2', 1n, product))]);
      expect(await redis.zrange(names.productsByTag('color', 'red'), '0', '-1')).toEqual(['p1', 'p2']);
      expect(Number(await redis.zscore(names.productsByTag('new', null), 'p1'))).toBe(score);
      await sink.write([
        batchWith(entryAt('product', 'p1', 2n, { ...product, categoryId: 'c2', tags: [tag('color', 'blue')] })),
      ]);
      expect(await redis.zrange(names.productsByTag('color', 'red'), '0', '-1')).toEqual(['p2']);
      expect(await redis.zrange(names.productsByTag('color', 'blue'), '0', '-1')).toEqual(['p1']);
      expect(await redis.zrange(names.categoryChildren('c1'), '0', '-1')).toEqual(['p2']);
      expect(await redis.zrange(names.categoryChildren('c2'), '0', '-1')).toEqual(['p1']);
      await sink.write([
        batchWith(entryAt('product', 'p2', 3n, null), entryAt('product', 'p1', 3n, { ...product, status: 'draft' })),
      ]);
      expect((await keysOf(prefix)).filter((key) => key.includes(':tag:') || key.includes('category:'))).toEqual([]);
      await sink.close();
    });

    test('an order is in the lists of its customer and of the vendors of its present lines', async () => {
      const prefix = newPrefix();
      const names = redisNames(prefix);
      const sink = await openSink(prefix);
      const line = (itemId: string, vendorId: string | null) => ({
        itemId,
        productId: 'p1',
        variantId: null,
        vendorId,
        name: null,
        quantity: 1,
        unitPrice: '1.00',
        totalPrice: '1.00',
      });
      const order = { ...exampleOrder, customerId: 'k1', items: [line('1', 'v1'), line('2', 'v2'), line('3', 'v2')] };
      await sink.write([batchWith(entryAt('order', 'o1', 1n, order))]);
      await sink.write([
        batchWith(entryAt('order', 'o1', 2n, { ...order, items: [line('1', 'v3'), line('2', 'v2')] })),
      ]);
      expect(await redis.zrange(names.customerOrders('k1'), '0', '-1')).toEqual(['o1']);
      expect(await redis.zrange(names.vendorOrders('v1'), '0', '-1')).toEqual([]);
      expect(await redis.zrange(names.vendorOrders('v2'), '0', '-1')).toEqual(['o1']);
      expect(await redis.zrange(names.vendorOrders('v3'), '0', '-1')).toEqual(['o1']);
      await sink.close();
    });

    redisSetCases({ redis: () => redis, newPrefix, openSink });

    test('a server that has forgotten the script is given it again', async () => {
      const prefix = newPrefix();
      const sink = await openSink(prefix);
      for (const node of isCluster(redis) ? redis.nodes('master') : [redis]) await node.script('FLUSH');
      await sink.write([batchWith(entryAt('stock', 'p1', 1n, exampleStock))]);
      expect(await redis.hget(`${prefix}inventory:p1`, 'position')).toBe(lsnText(1n));
      await sink.close();
    });

    test('a mark is stored only by the server that took the entries', async () => {
      const key = redisNames(newPrefix()).watermark('catalog');
      const scripts = withScripts(redis);
      const mark = formatWatermark({ lsn: 1n, committedAtMs: 0, offset: 1n });
      expect(await scripts.millraceMarks(key, 'f'.repeat(40), '0', mark, '')).toBe('');
      expect(await redis.exists(key)).toBe(0);
      const history = await scripts.millraceMarks(key, '', '0', mark, '');
      expect(history).toMatch(/^[0-9a-f]{40}$/);
      expect(await scripts.millraceMarks(key, history, '0', mark, '')).toBe(history);
      expect(await scripts.millraceHeld(key)).toEqual([history, '0', mark]);
    });

    test('acknowledged writes that the server lost are noticed before anything newer is marked as applied', async () => {
      const prefix = newPrefix();
      const sink = await openSink(prefix);
      await sink.write([batchWith(entryAt('stock', 'p1', 1n, exampleStock))]);
      await removeFromRedis(redis, `${prefix}*`);
      await expect(sink.write([batchWith(entryAt('stock', 'p2', 2n, exampleStock))])).rejects.toMatchObject({
        kind: 'store-unavailable',
      });
      expect(await sink.positions()).toEqual([]);
      await sink.close();
    });
  });
}

/** Everything but what is applied and deleted entries, by key without prefix. */
export async function redisContents(redis: RedisClient, prefix: string): Promise<Record<string, unknown>> {
  const contents: Record<string, unknown> = {};
  for (const key of await redisKeys(redis, `${prefix}*`)) {
    const name = key.slice(prefix.length);
    if (/^(watermark|millrace|applied|writer):/.test(name)) continue;
    if ((await redis.type(key)) === 'zset') {
      contents[name] = await redis.zrange(key, '0', '-1', 'WITHSCORES');
      continue;
    }
    // Which sets an entry has left depends on how it came to be.
    const all = Object.entries(await redis.hgetall(key)).filter(([field]) => field !== 'left');
    const fields: Record<string, string> = Object.fromEntries(all);
    if (fields['deleted'] === '1') expect(fields['data']).toBeUndefined();
    else contents[name] = { ...fields, sets: fields['sets']?.replaceAll(prefix, ''), ttl: await redis.ttl(key) };
  }
  return contents;
}
