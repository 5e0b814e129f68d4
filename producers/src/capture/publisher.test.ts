import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MemoryLog } from '@millrace/kernel/log-memory';
import { createChangeDecoder, textRow } from '@millrace/schemas/cdc';
import { isWatermarkKey, readWatermark } from '@millrace/schemas/markers';
import { MemoryRegistry } from '@millrace/schemas/registry';
import { shopRelation } from '@millrace/schemas/testing';
import { capturedTables, topicSpecs } from '@millrace/schemas/topics';
import { Acknowledger } from '../replication/acknowledger.ts';
import { readLastPositions } from './log-positions.ts';
import { cdcPartitions, partitionStates } from './partitions.ts';
import { Publisher, defaultLimits } from './publisher.ts';
import type { PublisherLimits } from './publisher.ts';
import { RouteCatalog } from './route-catalog.ts';
import type { Route } from './routes.ts';
import type { Scheduler } from './watermark-schedule.ts';

const PARTITIONS = 2;

/** Time that stands until it is moved. */
class ManualTime implements Scheduler {
  #nowMs = 0;
  #timers: { atMs: number; run: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  async pass(ms: number): Promise<void> {
    this.#nowMs += ms;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { run } of due) run();
    await settled();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Bench {
  readonly log = new MemoryLog({ topics: topicSpecs('', PARTITIONS) });
  readonly registry = new MemoryRegistry();
  readonly time = new ManualTime();
  readonly failures: unknown[] = [];
  readonly pressure: boolean[] = [];
  acknowledger = new Acknowledger(0n);
  routes!: RouteCatalog;
  publisher!: Publisher;

  /** A producer as it starts: fenced writer, last positions, publisher. Called again, it is the next process. */
  async start(limits: Partial<PublisherLimits> = {}): Promise<this> {
    const tables = capturedTables.map((captured) => ({
      captured,
      relation: shopRelation(captured.table),
      primaryKey: shopRelation(captured.table)
        .columns.filter(({ key }) => key)
        .map(({ name }) => name),
    }));
    this.routes = await RouteCatalog.open(this.registry, '', PARTITIONS, tables);
    const partitions = cdcPartitions('', PARTITIONS);
    const writer = await this.log.openWriter({
      name: 'producers',
      partitions,
      barrier: (epoch) => this.routes.barrier('producers', epoch),
    });
    const positions = await readLastPositions(
      this.log,
      writer.ends.map((end) => ({ ...end, start: end.startOffset, end: end.barrierOffset })),
    );
    this.acknowledger = new Acknowledger(0n);
    this.publisher = new Publisher({
      append: (batches) => writer.append(batches),
      partitions: partitionStates(partitions, positions),
      watermarkSchemaId: (topic) => this.routes.watermarkId(topic),
      acknowledger: this.acknowledger,
      streamTimeUs: 0,
      limits: { ...defaultLimits, ...limits },
      scheduler: this.time,
      onFailure: (error) => this.failures.push(error),
      onPressure: (pressed) => this.pressure.push(pressed),
    });
    return this;
  }

  async route(table: string): Promise<Route> {
    return this.routes.route(shopRelation(table));
  }

  /** A commit at `lsn` with a tag for each name; it ends 8 bytes later. */
  async tags(lsn: bigint, names: readonly string[]): Promise<void> {
    const route = await this.route('tags');
    this.publisher.begin({ lsn, txid: Number(lsn), tsUs: Number(lsn) * 1_000 });
    for (const name of names) this.publisher.insert(route, textRow([`id-${name}`, name, 't', null, null]));
    this.publisher.commit(lsn + 8n);
    await settled();
  }

  async product(id: string): Promise<void> {
    const route = await this.route('products');
    const row = route.relation.columns.map(({ name }) => (name === 'product_id' ? id : null));
    this.publisher.insert(route, textRow(row));
  }

  /** A partition's records as one line each: `c 100:0 key`, `wm 107`, `tombstone key`; barriers are left out. */
  async lines(topic = 'cdc.reference', partition = 0): Promise<string[]> {
    const decoder = createChangeDecoder(this.registry);
    const lines: string[] = [];
    for (const { key, value } of this.log.records(topic, partition)) {
      const name = key?.toString() ?? '';
      if (isWatermarkKey(key) && value !== null) lines.push(`wm ${readWatermark(value).lsn}`);
      else if (value === null) lines.push(`tombstone ${name}`);
      else if (!name.startsWith('_')) {
        await decoder.prepare(value);
        const { op, lsn, ordinal } = decoder.decode(value);
        lines.push(`${op} ${lsn}:${ordinal} ${name}`);
      }
    }
    return lines;
  }
}

const A_PRODUCT_OF_0 = '00000000-0000-7000-8000-000000000003';

describe('flushes', () => {
  test('a commit goes out at once, its watermark in the same batch, and is acknowledged when the log has it', async () => {
    const bench = await new Bench().start();
    await bench.tags(100n, ['red', 'blue']);
    expect(await bench.lines()).toEqual(['c 100:0 tags/id-red', 'c 100:1 tags/id-blue', 'wm 107']);
    expect(bench.acknowledger.acknowledged).toBe(108n);
  });

  test('while appends are unanswered commits gather, and nothing is acknowledged', async () => {
    const bench = await new Bench().start({ eagerAppends: 1 });
    let release: () => void = () => undefined;
    let calls = 0;
    bench.log.hooks = {
      beforeAppend: () => {
        calls++;
        return new Promise((resolve) => (release = resolve));
      },
    };
    for (const lsn of [100n, 200n, 300n]) await bench.tags(lsn, ['x']);
    expect([calls, bench.acknowledger.acknowledged]).toEqual([1, 0n]);
    release();
    await settled();
    expect([calls, bench.acknowledger.acknowledged]).toEqual([2, 108n]);
    release();
    await settled();
    expect(bench.acknowledger.acknowledged).toBe(308n);
    expect(await bench.lines()).toEqual([
      'c 100:0 tags/id-x',
      'wm 107',
      'c 200:0 tags/id-x',
      'c 300:0 tags/id-x',
      'wm 307',
    ]);
  });

  test('a transaction larger than a flush is split, and only its end brings the watermark', async () => {
    const bench = await new Bench().start({ flushBytes: 100 });
    await bench.tags(50n, ['before']);
    const route = await bench.route('tags');
    bench.publisher.begin({ lsn: 100n, txid: 1, tsUs: 1 });
    for (const name of ['a', 'b', 'c']) bench.publisher.insert(route, textRow([name, name, 't', null, null]));
    await settled();
    await bench.time.pass(1_000);
    expect(await bench.lines()).toEqual(['c 50:0 tags/id-before', 'wm 57', 'c 100:0 tags/a', 'c 100:1 tags/b']);
    expect(bench.acknowledger.acknowledged).toBe(58n);
    bench.publisher.commit(108n);
    await settled();
    expect((await bench.lines()).slice(4)).toEqual(['c 100:2 tags/c', 'wm 107']);
  });

  test('too much in flight pauses the source until half of it is answered', async () => {
    const bench = await new Bench().start({ flushBytes: 100, maxInFlightBytes: 250 });
    const releases: (() => void)[] = [];
    bench.log.hooks = { beforeAppend: () => new Promise((resolve) => releases.push(resolve)) };
    await bench.tags(100n, ['a', 'b', 'c', 'd', 'e', 'f']);
    expect(bench.pressure).toEqual([true]);
    for (let i = 0; i < 6; i++) {
      releases.shift()?.();
      await settled();
    }
    expect(bench.pressure).toEqual([true, false]);
  });

  test('a failed append is said once, and nothing after it is sent or acknowledged', async () => {
    const bench = await new Bench().start();
    bench.log.hooks = {
      beforeAppend: () => {
        throw new Error('gone');
      },
    };
    await bench.tags(100n, ['a']);
    bench.log.hooks = {};
    await bench.tags(200n, ['b']);
    expect(bench.failures).toHaveLength(1);
    expect([await bench.lines(), bench.acknowledger.acknowledged]).toEqual([[], 0n]);
  });
});

describe('watermarks', () => {
  test('partitions without data get theirs within 50 ms, and together', async () => {
    const bench = await new Bench().start();
    await bench.tags(100n, ['a']);
    expect(await bench.lines('cdc.orders', 1)).toEqual([]);
    await bench.time.pass(2);
    expect(await bench.lines('cdc.orders', 1)).toEqual(['wm 107']);
    await bench.tags(200n, ['b']);
    await bench.tags(300n, ['c']);
    await bench.time.pass(49);
    expect(await bench.lines('cdc.orders', 1)).toEqual(['wm 107']);
    await bench.time.pass(1);
    expect(await bench.lines('cdc.orders', 1)).toEqual(['wm 107', 'wm 307']);
  });

  test('what the source has passed without a commit becomes a watermark and is acknowledged', async () => {
    const bench = await new Bench().start();
    await bench.tags(100n, ['a']);
    bench.publisher.reached(108n);
    bench.publisher.reached(500n);
    await bench.time.pass(5);
    expect(await bench.lines()).toEqual(['c 100:0 tags/id-a', 'wm 107', 'wm 499']);
    expect(await bench.lines('cdc.carts', 0)).toEqual(['wm 499']);
    expect(bench.acknowledger.acknowledged).toBe(500n);
  });

  test('whatever comes, nothing is acknowledged beyond the highest watermark in the log', async () => {
    const steps = fc.array(fc.constantFrom('rows', 'empty', 'reached', 'time', 'answer', 'hold'), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        const bench = await new Bench().start({ eagerAppends: 1 });
        const held: (() => void)[] = [];
        let lsn = 100n;
        for (const step of plan) {
          lsn += 100n;
          if (step === 'rows') await bench.tags(lsn, ['x']);
          else if (step === 'empty') await bench.tags(lsn, []);
          else if (step === 'reached') bench.publisher.reached(lsn);
          else if (step === 'time') await bench.time.pass(3);
          else if (step === 'answer') held.shift()?.();
          else bench.log.hooks = { beforeAppend: () => new Promise((resolve) => held.push(resolve)) };
          await settled();
          const watermarks = [...(await bench.lines()), ...(await bench.lines('cdc.orders', 1))]
            .filter((line) => line.startsWith('wm '))
            .map((line) => Number(line.slice(3)));
          expect(Number(bench.acknowledger.acknowledged)).toBeLessThanOrEqual(Math.max(-1, ...watermarks) + 1);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('inside a transaction the source reaches nothing', async () => {
    const bench = await new Bench().start();
    bench.publisher.begin({ lsn: 100n, txid: 1, tsUs: 1 });
    bench.publisher.reached(500n);
    await bench.time.pass(1_000);
    expect([await bench.lines(), bench.acknowledger.acknowledged]).toEqual([[], 0n]);
  });
});

describe('rows', () => {
  test('a delete is followed by its tombstone; a changed key is both and an insert', async () => {
    const bench = await new Bench().start();
    const route = await bench.route('tags');
    bench.publisher.begin({ lsn: 100n, txid: 1, tsUs: 1 });
    bench.publisher.update(route, textRow(['a', null, null, null, null]), textRow(['b', 'n', 't', null, null]));
    bench.publisher.delete(route, textRow(['b', null, null, null, null]));
    bench.publisher.commit(108n);
    await settled();
    expect(await bench.lines()).toEqual([
      'd 100:0 tags/a',
      'tombstone tags/a',
      'c 100:1 tags/b',
      'd 100:2 tags/b',
      'tombstone tags/b',
      'wm 107',
    ]);
  });

  test('a truncate reaches every partition of its topic', async () => {
    const bench = await new Bench().start();
    bench.publisher.begin({ lsn: 100n, txid: 1, tsUs: 1 });
    bench.publisher.truncate(await bench.route('products'));
    bench.publisher.commit(108n);
    await settled();
    for (const partition of [0, 1]) {
      expect(await bench.lines('cdc.catalog', partition)).toEqual(['t 100:0 products/', 'wm 107']);
    }
  });
});

describe('after a crash', () => {
  test('each partition drops what it holds and takes the rest, in the middle of a transaction too', async () => {
    const bench = await new Bench().start({ flushBytes: 1 });
    await bench.tags(50n, ['first']);
    const transaction = async (upTo: number): Promise<void> => {
      const route = await bench.route('tags');
      bench.publisher.begin({ lsn: 100n, txid: 1, tsUs: 1 });
      for (let i = 0; i < upTo; i++) bench.publisher.insert(route, textRow([`t${i}`, 'n', 't', null, null]));
      if (upTo >= 4) await bench.product(A_PRODUCT_OF_0);
      await settled();
    };
    await transaction(2);
    await bench.start();
    await bench.tags(50n, ['first']);
    await transaction(4);
    bench.publisher.commit(108n);
    await settled();
    expect(await bench.lines()).toEqual([
      'c 50:0 tags/id-first',
      'wm 57',
      'c 100:0 tags/t0',
      'c 100:1 tags/t1',
      'c 100:2 tags/t2',
      'c 100:3 tags/t3',
      'wm 107',
    ]);
    expect(bench.publisher.dropped).toBe(3);
    const products = [...(await bench.lines('cdc.catalog', 0)), ...(await bench.lines('cdc.catalog', 1))];
    expect(products.filter((line) => line.startsWith('c'))).toEqual([`c 100:4 products/${A_PRODUCT_OF_0}`]);
  });

  test('an append whose answer was lost is not repeated', async () => {
    const bench = await new Bench().start();
    bench.log.hooks = {
      afterAppend: () => {
        throw new Error('answer lost');
      },
    };
    await bench.tags(100n, ['a']);
    expect(bench.acknowledger.acknowledged).toBe(0n);
    bench.log.hooks = {};
    await bench.start();
    await bench.tags(100n, ['a']);
    await bench.tags(200n, ['b']);
    expect(await bench.lines()).toEqual(['c 100:0 tags/id-a', 'wm 107', 'c 200:0 tags/id-b', 'wm 207']);
    expect(bench.acknowledger.acknowledged).toBe(208n);
  });

  test('compaction hides no position: a delete whose record is gone is known by its tombstone', async () => {
    const bench = await new Bench().start({ flushBytes: 1 });
    await bench.tags(50n, ['a']);
    const route = await bench.route('tags');
    bench.publisher.begin({ lsn: 100n, txid: 1, tsUs: 1 });
    bench.publisher.delete(route, textRow(['id-a', null, null, null, null]));
    await settled();
    bench.log.compact('cdc.reference');
    await bench.start();
    bench.publisher.begin({ lsn: 100n, txid: 1, tsUs: 1 });
    bench.publisher.delete(route, textRow(['id-a', null, null, null, null]));
    bench.publisher.commit(108n);
    await settled();
    expect(bench.publisher.dropped).toBe(1);
  });
});
