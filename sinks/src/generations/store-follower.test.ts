import { describe, expect, test } from '@jest/globals';
import { PlatformError } from '@millrace/kernel/errors';
import { silentLogger } from '@millrace/kernel/telemetry';
import { firstOnly } from '@millrace/schemas/generations';
import type { GenerationRows, ViewGenerations } from '@millrace/schemas/generations';
import type { ViewName } from '@millrace/schemas/stores';
import { MemorySink, MemoryStore } from '../memory/index.ts';
import type { Generation } from '../port/index.ts';

import { StoreFollower } from './store-follower.ts';

/** A store that notes what it is told, and whose sinks run until they are stopped or a test breaks them. */
class FakeStore {
  readonly log: string[] = [];
  readonly holds: Generation[] = [{ view: 'catalog', generation: 1 }];
  readonly breaks = new Map<number, (error: Error) => void>();
  /** By generation. */
  readonly logs = new Map<number, number>();
  failures: Error[] = [];

  follower(): StoreFollower {
    return new StoreFollower({
      store: 'memory',
      views: ['catalog', 'orders'],
      createSink: (generation, views) =>
        Object.assign(new MemorySink(new MemoryStore()), { name: `memory_g${generation}`, generation, views }),
      createRunner: (sink, log) => {
        const { generation } = sink as unknown as { generation: number };
        this.logs.set(generation, log);
        return {
          run: (stop) =>
            new Promise<void>((resolve, reject) => {
              this.log.push(`start ${generation} ${sink.views.join('+')}`);
              this.breaks.set(generation, reject);
              stop.addEventListener('abort', () => {
                this.log.push(`stop ${generation}`);
                resolve();
              });
            }),
          status: () => ({ sink: sink.name, state: 'running', partitions: [] }),
          ageMs: () => 0,
          name: sink.name,
          views: sink.views,
          replay: () => undefined,
          cancelReplay: () => undefined,
        };
      },
      generations: {
        open: () => {
          const failure = this.failures.shift();
          return failure === undefined ? Promise.resolve() : Promise.reject(failure);
        },
        expose: (active) => {
          this.log.push(`expose ${active('catalog')}`);
          return Promise.resolve();
        },
        held: () => Promise.resolve([...this.holds]),
        drop: ({ view, generation }) => {
          this.log.push(`drop ${view} ${generation}`);
          this.holds.splice(
            this.holds.findIndex((one) => one.view === view && one.generation === generation),
            1,
          );
          return Promise.resolve();
        },
        close: () => Promise.resolve(),
      },
      logger: silentLogger(),
      clock: { now: () => 0, wait: () => Promise.resolve() },
    });
  }
}

const rows = (active: number, building: number | null, previous: number | null): GenerationRows =>
  new Map<ViewName, ViewGenerations>([['catalog', { ...firstOnly, active, building, previous }]]);

async function turns(): Promise<void> {
  for (let at = 0; at < 50; at++) await new Promise<void>((resolve) => setImmediate(resolve));
}

async function followed(store = new FakeStore()) {
  const follower = store.follower();
  const stop = new AbortController();
  const ended = follower.run(stop.signal);
  ended.catch(() => undefined);
  follower.follow(new Map());
  await turns();
  return { store, follower, stop, ended };
}

describe('a store with its generations', () => {
  test('before the table is known it runs nothing and says so', async () => {
    const follower = new FakeStore().follower();
    expect(follower.status()).toMatchObject([{ sink: 'memory', state: 'waiting' }]);
    const stop = new AbortController();
    const ended = follower.run(stop.signal);
    stop.abort();
    await ended;
  });

  test('each generation follows the log that the row names', async () => {
    const { store, follower, stop, ended } = await followed();
    follower.follow(new Map([['catalog', { ...firstOnly, building: 2, buildingLog: 2 }]]));
    await turns();
    follower.follow(new Map([['catalog', { ...firstOnly, active: 2, activeLog: 2, previous: 1, previousLog: 1 }]]));
    await turns();
    expect([...store.logs]).toEqual([
      [1, 1],
      [2, 2],
    ]);
    stop.abort();
    await ended;
  });

  test('fill, switch, rollback, drop: each sink is opened once, and what readers see follows the row', async () => {
    const { store, follower, stop, ended } = await followed();
    expect(store.log.splice(0)).toEqual(['start 1 catalog+orders', 'expose 1']);
    follower.follow(rows(1, 2, null));
    store.holds.push({ view: 'catalog', generation: 2 });
    await turns();
    expect(store.log.splice(0)).toEqual(['start 2 catalog', 'expose 1']);
    follower.follow(rows(2, null, 1));
    await turns();
    follower.follow(rows(1, null, 2));
    await turns();
    expect(store.log.splice(0)).toEqual(['expose 2', 'expose 1']);
    follower.follow(rows(1, null, null));
    await turns();
    expect(store.log.splice(0)).toEqual(['stop 2', 'expose 1', 'drop catalog 2']);
    stop.abort();
    await ended;
    expect(store.log).toEqual(['stop 1']);
  });

  test('what a killed process left behind is removed at the next start', async () => {
    const store = new FakeStore();
    store.holds.push({ view: 'catalog', generation: 7 });
    const { stop, ended } = await followed(store);
    expect(store.log).toContain('drop catalog 7');
    stop.abort();
    await ended;
  });

  test('a store that is away delays what readers see and loses nothing', async () => {
    const store = new FakeStore();
    store.failures = [new PlatformError('store-unavailable', 'away'), new PlatformError('store-unavailable', 'away')];
    const { stop, ended } = await followed(store);
    expect(store.log).toEqual(['start 1 catalog+orders', 'expose 1']);
    stop.abort();
    await ended;
  });

  test('a filling that cannot go on leaves the served generation alone; a served one ends the run', async () => {
    const { store, follower, ended } = await followed();
    follower.follow(rows(1, 2, null));
    await turns();
    store.breaks.get(2)?.(new PlatformError('store-rejected', 'another mapping'));
    await turns();
    expect(follower.status()).toMatchObject([
      { sink: 'memory_g1', state: 'running' },
      { sink: 'memory_g2', state: 'broken', reason: 'another mapping' },
    ]);
    store.breaks.get(1)?.(new PlatformError('store-rejected', 'no'));
    await expect(ended).rejects.toThrow('no');
  });
});
