import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { OwnRedisCluster, REDIS_SLOTS, redisKeys } from '@millrace/infra-local/testing';
import { connectRedis, isCluster } from '@millrace/kernel/redis-client';
import type { RedisClient } from '@millrace/kernel/redis-client';
import { REDIS_SHARDS, redisNames } from '@millrace/schemas/stores';
import { partitionKey, silentObserver } from '../port/index.ts';
import type { SinkBatch } from '../port/index.ts';
import { batchesOf, writesOf } from '../port/testing/batches.ts';
import { historyOf } from '../port/testing/entries.ts';
import { createRedis } from './client.ts';
import { RedisGenerations, RedisSink } from './index.ts';
import { redisContents, redisSinkCases } from './testing/redis-sink-cases.ts';

jest.setTimeout(120_000);

let cluster: OwnRedisCluster;
beforeAll(async () => {
  cluster = await OwnRedisCluster.start();
});
afterAll(() => cluster.remove());

redisSinkCases('redis cluster', { url: () => cluster.url });

describe('a cluster', () => {
  let redis: RedisClient;
  beforeAll(async () => {
    redis = createRedis(cluster.url);
    await connectRedis(redis);
  });
  afterAll(() => redis.disconnect());

  const sinkOf = (keyPrefix: string) => new RedisSink({ url: cluster.url, keyPrefix });

  test('every node has a shard of the marks', async () => {
    const slots = await Promise.all(REDIS_SHARDS.map((shard) => redis.call('cluster', 'keyslot', shard)));
    expect(slots.map((slot) => Math.floor(Number(slot) / 1024))).toEqual(REDIS_SHARDS.map((_, index) => index));
  });

  test('a generation that is dropped leaves no key behind, and the others of its number their marks', async () => {
    const keyPrefix = 'drop:';
    const sink = new RedisSink({ url: cluster.url, keyPrefix, generation: 2 });
    await sink.open(silentObserver);
    for (const write of writesOf(heldBy(sink, batchesOf(historyOf(3))))) await sink.write(write);
    const before = await sink.positions();
    await sink.close();
    const generations = new RedisGenerations({ url: cluster.url, keyPrefix });
    await generations.open();
    await generations.drop({ view: 'catalog', generation: 2 });
    await generations.close();
    const names = redisNames(keyPrefix, () => 2);
    const left = await redisKeys(redis, `${keyPrefix}*`);
    expect(left.filter((key) => /product|category|catalog/.test(key))).toEqual([]);
    expect(left).toContain(names.watermark('orders'));
    await sink.open(silentObserver);
    const others = before.filter(({ view }) => view !== 'catalog');
    expect(inOrder(await sink.positions())).toEqual(inOrder(others));
    await sink.close();
  });

  test('slots that move while entries are written lose none of them', async () => {
    const batches = batchesOf(historyOf(41), 7);
    const sink = sinkOf('moved:');
    await sink.open(silentObserver);
    const held = heldBy(sink, batches);
    await playOn(sink, held);
    // Slots of an entry, of a set, and of one of the marks.
    const keys = Object.keys(await redisContents(redis, 'moved:'));
    const some = [keys.find((key) => key.startsWith('product:')), keys.find((key) => key.includes(':tag:'))];
    const names = [...some.map((key) => `moved:${key ?? ''}`), `{${REDIS_SHARDS[1] ?? ''}}`];
    const slots = new Set<number>();
    for (const name of names) slots.add(Number(await redis.call('cluster', 'keyslot', name)));
    const moved = new AbortController();
    const moving = move(slots).finally(() => moved.abort());
    const isMoving = (): boolean => !moved.signal.aborted;
    while (isMoving()) await playOn(sink, held);
    await moving;
    await playOn(sink, held);
    expect(await redisContents(redis, 'moved:')).toEqual(await onceInOrder('moved-once:', held));
    await sink.close();
  });

  // Last: it takes a node away.
  test('a master that is killed with writes that its replica has not: noticed, and they come again', async () => {
    const keyPrefix = 'lost:';
    const held = heldBy(sinkOf(''), batchesOf(historyOf(43), 7));
    const half = Math.floor(held.length / 2);
    const sink = sinkOf(keyPrefix);
    await sink.open(silentObserver);
    await playOn(sink, held.slice(0, half));
    const safe = await sink.positions();
    await cluster.replicaIsEqual();
    await cluster.partReplica();
    await playOn(sink, held.slice(half));
    const applied = await sink.positions();
    const complete = await redisContents(redis, keyPrefix);
    expect(applied).not.toEqual(safe);

    await cluster.failOver();
    await expect(sink.write(held.slice(-1))).rejects.toMatchObject({ kind: 'store-unavailable' });
    const found = await opened(sink);
    // What readers are told stays where it was; where the sink goes on is what every node still has.
    expect(inOrder(found)).toEqual(inOrder(safe));
    const from = new Map(found.map((mark) => [partitionKey(mark), mark.offset]));
    await playOn(
      sink,
      held.filter((batch) => batch.applied.offset > (from.get(partitionKey(batch)) ?? 0n)),
    );
    expect(inOrder(await sink.positions())).toEqual(inOrder(applied));
    await sink.close();
    const again = createRedis(cluster.url);
    await connectRedis(again);
    expect(isCluster(again)).toBe(true);
    expect(await redisContents(again, keyPrefix)).toEqual(complete);
    again.disconnect();
  });

  /** Each to another node than it began at, once: nodes need a while to agree on a slot that moves again. */
  async function move(slots: ReadonlySet<number>): Promise<void> {
    for (const slot of slots) {
      const owner = Math.floor((slot * 3) / REDIS_SLOTS);
      await cluster.moveSlot(slot, owner, (owner + 1) % 3);
    }
  }

  async function onceInOrder(keyPrefix: string, batches: readonly SinkBatch[]): Promise<unknown> {
    const sink = sinkOf(keyPrefix);
    await sink.open(silentObserver);
    for (const write of writesOf(batches)) await sink.write(write);
    await sink.close();
    return redisContents(redis, keyPrefix);
  }
});

const heldBy = (sink: RedisSink, batches: readonly SinkBatch[]): SinkBatch[] =>
  batches.filter(({ view }) => sink.views.includes(view));

const inOrder = <M extends { view: string; partition: number }>(marks: readonly M[]): M[] =>
  [...marks].sort((a, b) => partitionKey(a).localeCompare(partitionKey(b)));

/** As the runner does: what is unavailable is opened again. */
async function opened(sink: RedisSink): Promise<Awaited<ReturnType<RedisSink['positions']>>> {
  for (const deadlineMs = performance.now() + 60_000; ;) {
    try {
      await sink.open(silentObserver);
      return await sink.positions();
    } catch (error) {
      if (performance.now() > deadlineMs || (error as { kind?: string }).kind !== 'store-unavailable') throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Writes them all, as the runner does: after an interruption from where the store says. */
async function playOn(sink: RedisSink, batches: readonly SinkBatch[]): Promise<void> {
  let left = batches;
  for (;;) {
    try {
      for (const write of writesOf(left)) await sink.write(write);
      return;
    } catch (error) {
      if ((error as { kind?: string }).kind !== 'store-unavailable') throw error;
      const stored = new Map((await opened(sink)).map((mark) => [partitionKey(mark), mark.offset]));
      left = batches.filter((batch) => batch.applied.offset > (stored.get(partitionKey(batch)) ?? 0n));
    }
  }
}
