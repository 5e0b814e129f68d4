import { describe, expect, test } from '@jest/globals';
import type { LogRecord } from '@millrace/kernel/log';
import { Registry, silentLogger } from '@millrace/kernel/telemetry';
import { MemorySink, MemoryStore } from '../memory/index.ts';
import type { Sink, SinkBatch } from '../port/index.ts';
import { entryAt, exampleOrder, exampleProduct, exampleStock } from '../port/testing/examples.ts';
import type { Clock } from './clock.ts';
import { deadLetterHeaders } from '@millrace/schemas/dead-letters';
import { SinkRunner, sinkMetrics } from './index.ts';
import type { BatchLimits } from './index.ts';
import { ViewLog } from './testing/view-log.ts';

const atOnce: BatchLimits = { lingerMs: 0, markLingerMs: 0, readEveryMs: 0, entries: 1000, pendingBytes: 1_000_000 };

/** A clock whose waits end when a test says so. */
class TestClock implements Clock {
  at = Date.UTC(2026, 0, 1);
  readonly waits: { ms: number; end: () => void }[] = [];
  readonly now = (): number => this.at;
  readonly wait = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const wait = { ms, end: resolve };
      this.waits.push(wait);
      const over = (): void => {
        this.waits.splice(this.waits.indexOf(wait), 1);
        resolve();
      };
      if (signal.aborted) over();
      else signal.addEventListener('abort', over, { once: true });
    });

  elapse(ms: number): void {
    this.at += ms;
    for (const wait of this.waits.splice(0)) {
      if (wait.ms <= ms) wait.end();
      else this.waits.push({ ...wait, ms: wait.ms - ms });
    }
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 5000) throw new Error('it never happened');
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

function arranged(
  limits = atOnce,
  store = new MemoryStore(),
  views = new ViewLog(),
  sink: Sink = new MemorySink(store),
) {
  const clock = new TestClock();
  const runner = new SinkRunner({
    sink,
    log: views.log,
    topicPrefix: '',
    registry: views.registry,
    limits,
    clock,
    logger: silentLogger(),
    metrics: sinkMetrics(new Registry()),
  });
  const stop = new AbortController();
  const writes: SinkBatch[][] = [];
  store.beforeWrite = (batches) => void writes.push([...batches]);
  const running = runner.run(stop.signal);
  running.catch(() => undefined);
  const end = (): Promise<void> => {
    stop.abort(new Error('the test ends'));
    return running;
  };
  return { views, store, clock, runner, writes, running, end };
}

const US = 1000;
const tsUs = Date.UTC(2026, 0, 1) * US;

describe('sink runner', () => {
  test('entries reach the store, and the mark moves to the watermark in the log, never to an entry', async () => {
    const { views, store, runner, end } = arranged();
    await views.append('inventory', 1, ...(await views.entry('inventory', entryAt('stock', 'p1', 50n, exampleStock))));
    await until(() => store.entries.has('stock:p1'));
    expect(store.marks.get('inventory/1')).toMatchObject({ lsn: 0n, offset: 2n });
    await views.append('inventory', 1, await views.watermark('inventory', 60n, tsUs));
    await until(() => store.marks.get('inventory/1')?.lsn === 60n);
    expect(store.marks.get('inventory/1')).toMatchObject({ committedAtMs: tsUs / US, offset: 4n });
    expect(runner.status()).toMatchObject({ state: 'running' });
    expect(runner.status().partitions).toContainEqual(
      expect.objectContaining({ view: 'inventory', partition: 1, position: '00000000000000000060', behindRecords: 0 }),
    );
    await end();
    expect(runner.status().state).toBe('stopped');
  });

  test('what an operator should do about the store is told while all goes well', async () => {
    const store = new MemoryStore();
    const sink = Object.assign(new MemorySink(store), { advice: 'rebuild it' });
    const { runner, end } = arranged(atOnce, store, new ViewLog(), sink);
    await until(() => runner.status().state === 'running');
    expect(runner.status().advice).toBe('rebuild it');
    await end();
  });

  test('another run goes on from the offset that the store holds', async () => {
    const first = arranged();
    const { views, store } = first;
    const append = async (id: string, lsn: bigint): Promise<void> =>
      views.append('orders', 0, ...(await views.entry('orders', entryAt('order', id, lsn, exampleOrder))));
    await append('o1', 10n);
    await until(() => store.entries.has('order:o1'));
    await first.end();
    await append('o2', 20n);
    const second = arranged(atOnce, store, views);
    await until(() => store.entries.has('order:o2'));
    await second.end();
    const seen = second.writes.flat().flatMap(({ entries }) => entries.map(({ id }) => id));
    expect(seen).toEqual(['o2']);
  });

  test('a tombstone after its delete record adds nothing; without it, it deletes above all that was read', async () => {
    const { views, store, writes, end } = arranged();
    const removed = await views.entry('catalog', entryAt('product', 'p1', 30n, null));
    expect(removed).toHaveLength(2);
    await views.append('catalog', 0, ...(await views.entry('catalog', entryAt('product', 'p2', 20n, exampleProduct))));
    await views.append('catalog', 0, ...removed, { key: Buffer.from('product:p2'), value: null });
    await until(() => store.entries.get('product:p2')?.data === null);
    expect(store.entries.get('product:p1')).toEqual({ lsn: 30n, data: null });
    expect(store.entries.get('product:p2')).toEqual({ lsn: 31n, data: null });
    const deletes = writes.flat().flatMap(({ entries }) => entries.filter(({ data }) => data === null));
    expect(deletes).toHaveLength(2);
    await end();
  });

  test('what cannot be read goes to the dead-letter topic with its origin, and the rest goes on', async () => {
    const { views, store, end } = arranged();
    const [good] = await views.entry('inventory', entryAt('stock', 'p1', 50n, exampleStock));
    if (good === undefined) throw new Error('an entry has a record');
    const bad = [
      { key: Buffer.from('stock:x'), value: Buffer.from('{"json": true}') },
      { key: Buffer.from('stock:y'), value: Buffer.from([0, 0, 0, 0, 99, 1, 2, 3]) },
      { key: Buffer.from('what:z'), value: good.value },
      { key: Buffer.from('stock:t'), value: good.value?.subarray(0, 12) ?? null },
    ];
    await views.append('inventory', 0, ...bad, good);
    await until(() => store.entries.has('stock:p1'));
    await until(() => store.marks.get('inventory/0')?.offset === 6n);
    await end();
    const letters = (await views.records('views.inventory.dlq', 0)).filter(({ key }) => !key.startsWith('_'));
    expect(letters.map(({ key }) => key)).toEqual(['stock:x', 'stock:y', 'what:z', 'stock:t']);
    expect(letters[0]?.headers).toMatchObject({
      [deadLetterHeaders.topic]: 'views.inventory',
      [deadLetterHeaders.partition]: '0',
      [deadLetterHeaders.offset]: '1',
      [deadLetterHeaders.processor]: 'sinks/memory',
      [deadLetterHeaders.kind]: 'record-malformed',
    });
    expect([...store.entries.keys()]).toEqual(['stock:p1']);
  });

  test('what the store refuses goes to the dead-letter topic as it was read, and no mark passes it before', async () => {
    const { views, store, end } = arranged();
    store.refuses = ({ id, lsn }) => id === 'p2' && lsn < 40n;
    const stock = async (id: string, lsn: bigint): Promise<readonly LogRecord[]> =>
      views.entry('inventory', entryAt('stock', id, lsn, exampleStock));
    const records = [
      await stock('p1', 10n),
      await stock('p2', 20n),
      await stock('p2', 30n),
      await stock('p3', 35n),
    ].flat();
    let asked = (): void => undefined;
    const refusing = new Promise<void>((resolve) => (asked = resolve));
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    views.log.hooks = {
      beforeAppend: async ({ batches }) => {
        if (!batches.some(({ topic }) => topic.endsWith('.dlq'))) return;
        asked();
        await held;
      },
    };
    await views.append('inventory', 0, ...records);
    await refusing;
    expect(store.marks.get('inventory/0')).toBeUndefined();
    release();
    await until(() => store.marks.get('inventory/0')?.offset === 5n);
    await views.append('inventory', 0, ...(await stock('p2', 40n)));
    await until(() => store.entries.get('stock:p2')?.lsn === 40n);
    await end();
    expect(store.entries.get('stock:p3')?.lsn).toBe(35n);
    const letters = (await views.records('views.inventory.dlq', 0)).filter(({ key }) => !key.startsWith('_'));
    expect(letters.map(({ key, headers }) => [key, headers[deadLetterHeaders.offset]])).toEqual([
      ['stock:p2', '2'],
      ['stock:p2', '3'],
    ]);
    expect(letters[1]).toMatchObject({
      value: records[2]?.value?.toString(),
      headers: { [deadLetterHeaders.kind]: 'store-rejected', [deadLetterHeaders.processor]: 'sinks/memory' },
    });
  });

  test('while the store does not answer nothing is held, and afterwards nothing is missing', async () => {
    const { views, store, clock, runner, end } = arranged();
    await until(() => runner.status().state === 'running');
    store.available = false;
    for (const [id, lsn] of [
      ['p1', 1n],
      ['p2', 2n],
    ] as const) {
      await views.append('inventory', 0, ...(await views.entry('inventory', entryAt('stock', id, lsn, exampleStock))));
    }
    for (let round = 0; round < 3; round++) {
      await until(() => runner.status().state === 'waiting' && clock.waits.length > 0);
      clock.elapse(10_000);
    }
    expect(runner.status().reason).toContain('switched off');
    expect(store.entries.size).toBe(0);
    store.available = true;
    await until(() => {
      clock.elapse(10_000);
      return store.entries.size === 2;
    });
    await end();
  });

  test('a store that lost what it held is filled again from the log', async () => {
    const { views, store, clock, runner, end } = arranged();
    const append = async (id: string, lsn: bigint): Promise<void> =>
      views.append('inventory', 0, ...(await views.entry('inventory', entryAt('stock', id, lsn, exampleStock))));
    await append('p1', 1n);
    await until(() => store.entries.has('stock:p1'));
    store.entries.clear();
    store.marks.clear();
    store.available = false;
    await append('p2', 2n);
    await until(() => runner.status().state === 'waiting' && clock.waits.length > 0);
    store.available = true;
    clock.elapse(10_000);
    await until(() => store.entries.size === 2);
    await end();
  });

  test('a slow store is handed everything that came meanwhile as one write, and reading pauses at the limit', async () => {
    const { views, store, writes, end } = arranged({ ...atOnce, pendingBytes: 400 });
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    store.beforeWrite = async (batches) => {
      writes.push([...batches]);
      if (writes.length === 1) await held;
    };
    const append = async (id: number): Promise<void> => {
      const entry = entryAt('order', `o${id}`, BigInt(id), exampleOrder);
      await views.append('orders', 0, ...(await views.entry('orders', entry)));
    };
    await append(1);
    await until(() => writes.length === 1);
    for (let id = 2; id <= 30; id++) await append(id);
    for (let turns = 0; turns < 200; turns++) await new Promise<void>((resolve) => setImmediate(resolve));
    expect(writes).toHaveLength(1);
    release();
    await until(() => store.entries.size === 30);
    const ids = writes.flat().flatMap(({ entries }) => entries.map(({ id }) => id));
    expect(ids).toEqual(Array.from({ length: 30 }, (_, index) => `o${index + 1}`));
    expect(writes.length).toBeGreaterThan(2);
    await end();
  });

  test('a lingering sink waits for its time, and stopping writes what waits', async () => {
    const { views, store, clock, writes, end } = arranged({ ...atOnce, lingerMs: 400, markLingerMs: 400 });
    await views.append('orders', 0, ...(await views.entry('orders', entryAt('order', 'o1', 1n, exampleOrder))));
    await until(() => clock.waits.length > 0);
    await views.append('orders', 1, ...(await views.entry('orders', entryAt('order', 'o2', 2n, exampleOrder))));
    clock.elapse(399);
    for (let turns = 0; turns < 100; turns++) await new Promise<void>((resolve) => setImmediate(resolve));
    expect(writes).toEqual([]);
    clock.elapse(1);
    await until(() => writes.length === 1);
    expect(writes[0]?.flatMap(({ entries }) => entries.map(({ id }) => id))).toEqual(['o1', 'o2']);
    await views.append('orders', 0, ...(await views.entry('orders', entryAt('order', 'o3', 3n, exampleOrder))));
    await until(() => clock.waits.length > 0);
    await end();
    expect(store.entries.has('order:o3')).toBe(true);
  });

  test('an error that waiting cannot mend ends the run', async () => {
    const { views, store, running } = arranged();
    store.marks.set('orders/0', { view: 'orders', partition: 0, lsn: 1n, committedAtMs: 0, offset: 1_000_000n });
    await expect(running).rejects.toMatchObject({ kind: 'log-offset-out-of-range' });
    await views.log.close();
  });
});
