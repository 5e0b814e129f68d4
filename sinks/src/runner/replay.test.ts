import { describe, expect, test } from '@jest/globals';
import { Registry, silentLogger } from '@millrace/kernel/telemetry';
import { isInScope } from '@millrace/schemas/views';
import { MemorySink, MemoryStore } from '../memory/index.ts';
import { entryAt, exampleStock } from '../port/testing/examples.ts';
import { SinkRunner, sinkMetrics } from './index.ts';
import type { ReplayRequest } from './index.ts';
import { ViewLog } from './testing/view-log.ts';

const everything: ReplayRequest = {
  ...{ view: 'inventory', fromLsn: null, sinceMs: null, aggregates: null, tenant: null, rate: null },
};
const stock = (id: string, lsn: bigint, tenantId = 'a') => entryAt('stock', id, lsn, { ...exampleStock, tenantId });

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 20_000) throw new Error('it never happened');
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** A sink that has applied three products of two partitions, p1 twice. */
async function arranged() {
  const views = new ViewLog();
  const store = new MemoryStore();
  const given: string[] = [];
  const runner = new SinkRunner({
    sink: new MemorySink(store, { views: ['inventory'] }),
    log: views.log,
    topicPrefix: '',
    registry: views.registry,
    limits: { lingerMs: 0, markLingerMs: 0, readEveryMs: 0, entries: 1000, pendingBytes: 1_000_000 },
    clock: { now: () => 0, wait: () => new Promise((resolve) => setImmediate(resolve)) },
    logger: silentLogger(),
    metrics: sinkMetrics(new Registry()),
  });
  const stop = new AbortController();
  const running = runner.run(stop.signal);
  running.catch(() => undefined);
  for (const [partition, entry] of [
    [0, stock('p1', 10n)],
    [1, stock('p2', 20n, 'b')],
    [0, stock('p1', 30n)],
    [0, stock('p3', 40n)],
  ] as const)
    await views.append('inventory', partition, ...(await views.entry('inventory', entry)));
  await until(() => store.entries.has('stock:p3') && store.entries.has('stock:p2'));
  store.beforeWrite = (batches) =>
    void given.push(...batches.flatMap(({ entries }) => entries.map(({ id, lsn }) => `${id}@${lsn}`)));
  const end = (): Promise<void> => {
    stop.abort(new Error('the test ends'));
    return running;
  };
  const replayed = async (request: ReplayRequest): Promise<string[]> => {
    given.length = 0;
    runner.replay(request);
    await until(() => runner.status().replay?.state === 'done');
    return [...given].sort();
  };
  return { views, store, runner, given, replayed, end };
}

describe('a replay', () => {
  test('gives the store again what it has lost, and moves no mark', async () => {
    const { store, runner, replayed, end } = await arranged();
    const marks = structuredClone(store.marks);
    store.entries.delete('stock:p1');
    store.entries.delete('stock:p2');
    expect(await replayed(everything)).toEqual(['p1@10', 'p1@30', 'p2@20', 'p3@40']);
    expect([...store.entries].map(([key, { lsn }]) => [key, lsn]).sort()).toEqual([
      ['stock:p1', 30n],
      ['stock:p2', 20n],
      ['stock:p3', 40n],
    ]);
    expect(store.marks).toEqual(marks);
    expect(runner.status().replay).toMatchObject({ given: 4, etaSeconds: null });
    await end();
  });

  test('is of one aggregate, one tenant, a position on or a time on', async () => {
    const { replayed, end } = await arranged();
    expect(await replayed({ ...everything, aggregates: new Set(['p1']) })).toEqual(['p1@10', 'p1@30']);
    expect(await replayed({ ...everything, tenant: 'b' })).toEqual(['p2@20']);
    expect(await replayed({ ...everything, fromLsn: 30n })).toEqual(['p1@30', 'p3@40']);
    // An example's commit is `lsn` ms after the start of 2026.
    expect(await replayed({ ...everything, sinceMs: Date.UTC(2026, 0, 1) + 20 })).toEqual(['p1@30', 'p2@20', 'p3@40']);
    await end();
  });

  test('goes on where it was once a store that went away is back', async () => {
    const { store, runner, given, end } = await arranged();
    store.entries.clear();
    store.available = false;
    runner.replay(everything);
    await until(() => runner.status().state === 'waiting');
    expect(runner.status().replay?.state).toBe('running');
    store.available = true;
    await until(() => runner.status().replay?.state === 'done');
    expect(store.entries.size).toBe(3);
    expect(given.length).toBeGreaterThanOrEqual(4);
    await end();
  });

  test('one at a time; a cancelled one makes room', async () => {
    const { store, runner, replayed, end } = await arranged();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    store.beforeWrite = () => held;
    runner.replay(everything);
    expect(() => runner.replay(everything)).toThrow('goes on');
    runner.cancelReplay();
    expect(runner.status().replay).toMatchObject({ state: 'cancelled' });
    store.beforeWrite = () => undefined;
    release();
    await replayed(everything);
    await end();
  });

  test('knows what belongs to an aggregate, and gives deletes whatever the tenant', () => {
    const sale = { ...everything, aggregates: new Set(['o1']), tenant: 'x' };
    const removed = (id: string) => entryAt('stock', id, 1n, null);
    expect(isInScope(sale, removed('o1/item/20'))).toBe(true);
    expect(isInScope(sale, removed('o12'))).toBe(false);
    expect(isInScope(sale, stock('o1', 1n, 'y'))).toBe(false);
  });
});
