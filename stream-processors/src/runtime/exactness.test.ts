import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LogClient } from '@millrace/kernel/log';
import { MemoryRegistry } from '@millrace/schemas/registry';
import { catalog, inventory, pricing } from '../processors/index.ts';
import { TestRoad, feedByChance, seeded, shopHistory } from '../testing/index.ts';
import type { TestRow } from '../testing/index.ts';
import { defineProcessor, entriesOf, keyedStore } from './index.ts';
import type { AnyProcessor, RunnerLimits, TaskRunner } from './index.ts';
import { restore } from './restore.ts';
import { StateRecords } from './state-records.ts';

/** Repeats what another view says is there. */
const follow = defineProcessor({
  name: 'follow',
  output: 'views.pricing',
  stateVersion: 1,
  inputs: [entriesOf('views.inventory', 'stock')],
  stores: { there: keyedStore<boolean>() },
  apply: () => undefined,
  applyView({ id, data }, ctx) {
    ctx.stores.there.set(id, data !== null);
    ctx.touch(id);
  },
  emit(id, ctx) {
    const price = { amount: '1.00', currency: 'USD', baseAmount: '1.00', reason: 'base', lowest30d: '1.00' };
    const open = { validUntil: null, nextChangeAt: null, listAmount: null, ruleId: null, variants: [] };
    ctx.put('price', id, ctx.stores.there.get(id) === true ? { tenantId: '', productId: id, ...price, ...open } : null);
  },
});

const all: readonly AnyProcessor[] = [pricing, inventory, catalog];

async function recordedRoad(seed: number, commits: number): Promise<TestRoad> {
  const road = await TestRoad.open();
  for (const { lsn, tsUs, rows } of shopHistory(seed, commits)) {
    await road.source.commit(lsn, tsUs, rows);
    if (lsn % 30n === 0n) await road.source.watermark(lsn + 5n, tsUs + 3_000_000);
  }
  return road;
}

const entriesIn = (road: TestRoad, processor: AnyProcessor): string[] =>
  road.log
    .records(processor.output)
    .filter(({ key }) => key !== null && key[0] !== 0x5f)
    .map(({ key, value }) => `${key!.toString()}=${value === null ? 'gone' : value.toString('base64')}`);

const final = (entries: readonly string[]): Map<string, string> =>
  new Map(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry]));

test('any order of arrival, any cut into polls and any size of batch give the same entries', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer(), fc.boolean(), async (seed, chance, small) => {
      const steady = await recordedRoad(seed, 25);
      const mixed = await recordedRoad(seed, 25);
      const pick = seeded(chance);
      const limits: Partial<RunnerLimits> = small
        ? { maxBatchBytes: 700, resultBytes: 200 + pick(2000), lazyAbove: pick(3) }
        : { resultBytes: 100_000 };
      for (const processor of all) {
        const first = await steady.start(processor);
        while (await first.step());
        await feedByChance(mixed.log, await mixed.start(processor, 0, limits), pick);
        expect(entriesIn(mixed, processor)).toEqual(entriesIn(steady, processor));
      }
    }),
    { numRuns: 12 },
  );
});

describe('a crash at any append', () => {
  test('before or after it took effect, with and without compaction: every entry once, the same at the end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer(), fc.boolean(), async (seed, chance, compacts) => {
        const steady = await recordedRoad(seed, 20);
        const shaken = await recordedRoad(seed, 20);
        const pick = seeded(chance);
        for (const processor of all) {
          const first = await steady.start(processor, 0, { resultBytes: 0, lazyAbove: 1_000 });
          while (await first.step());
          const limits = {
            maxBatchBytes: 400 + pick(1200),
            resultBytes: pick(2000),
            lazyAbove: pick(4),
            inFlight: 1 + pick(4),
          };
          await runWithCrashes(shaken, processor, limits, pick, compacts);
          const wanted = entriesIn(steady, processor);
          const got = entriesIn(shaken, processor);
          if (compacts) {
            // Compaction keeps each key's newest; what is deleted may be gone with its tombstone.
            for (const [key, entry] of final(got)) expect(entry).toBe(final(wanted).get(key));
          } else expect(got).toEqual(wanted);
        }
      }),
      { numRuns: 12 },
    );
  });

  test('what a restore finds is the state after some whole commit, never half a result', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer(), async (seed, chance) => {
        const pick = seeded(chance);
        const steady = await recordedRoad(seed, 15);
        const shaken = await recordedRoad(seed, 15);
        const wholes = new Map<bigint, Record<string, string>>();
        const first = await steady.start(pricing, 0, { resultBytes: 0 });
        while (await first.step());
        for (const [lsn, state] of await statesByPosition(steady, pricing)) wholes.set(lsn, state);
        const limits = { maxBatchBytes: 400, resultBytes: 1500, lazyAbove: 2 };
        await runWithCrashes(shaken, pricing, limits, pick, true, async () => {
          const { position, values } = await restored(shaken, pricing);
          if (position !== null) expect(Object.fromEntries(values)).toEqual(wholes.get(position.lsn));
        });
      }),
      { numRuns: 12 },
    );
  });
});

test('what a second crash leaves behind a shorter result is not written again', async () => {
  const stock = (low_stock_threshold: number): TestRow => ({
    table: 'inventory',
    op: 'u',
    row: { product_id: 'p1', variant_id: 'p1', warehouse_id: 'w0', quantity: 1, reserved: 0, low_stock_threshold },
  });
  const road = await TestRoad.open();
  const product: TestRow = { table: 'products', op: 'c', row: { product_id: 'p1', sku: 's1', name: 'Chair' } };
  await road.source.commit(10n, 1_000_000, [product, stock(1)]);
  await road.source.commit(20n, 2_000_000, [stock(2)]);
  const crashAfter = (appends: number): void => {
    road.log.hooks = {
      afterAppend: ({ writer }) => {
        if (writer.startsWith('views.') && --appends === 0) throw new Error('struck down');
      },
    };
  };
  // A result of both commits, in many batches: the entries get into the log, the end does not.
  const small = { maxBatchBytes: 1, inFlight: 1 };
  crashAfter(2);
  await expect((await road.start(inventory, 0, small)).step()).rejects.toThrow();
  expect(entriesIn(road, inventory)).toHaveLength(2);
  // Then one that reads a record at a time, and would end its result with the first commit.
  const slow: LogClient = { ...road.log.client(), createReader: () => road.log.createReader({ maxBytes: 1 }) };
  const second = await road.start(inventory, 0, { inFlight: 1 }, slow);
  crashAfter(1);
  await expect(stepToEnd(second)).rejects.toThrow();
  road.log.hooks = {};
  const third = await road.start(inventory, 0, { inFlight: 1 }, slow);
  await stepToEnd(third);
  expect(road.written('views.inventory').map(({ entry }) => entry.lsn)).toEqual([10n, 20n]);
});

async function stepToEnd(runner: TaskRunner): Promise<void> {
  while (await runner.step());
}

async function runWithCrashes(
  road: TestRoad,
  processor: AnyProcessor,
  limits: Partial<RunnerLimits>,
  pick: (below: number) => number,
  compacts: boolean,
  afterCrash?: () => Promise<void>,
): Promise<void> {
  for (let crashes = 0; ; crashes++) {
    let untilCrash = crashes < 8 ? 1 + pick(10) : Infinity;
    const before = pick(2) === 0;
    const strike = ({ writer }: { writer: string }): void => {
      if (writer.startsWith('views.') && --untilCrash === 0) throw new Error('struck down');
    };
    road.log.hooks = before ? { beforeAppend: strike } : { afterAppend: strike };
    const runner = await road.start(processor, 0, limits);
    try {
      while (await runner.step());
      return;
    } catch (error) {
      expect(String(error)).toMatch(/struck down|unknown/);
    } finally {
      road.log.hooks = {};
    }
    if (compacts && pick(2) === 0) road.log.compact(processor.output);
    await afterCrash?.();
  }
}

async function restored(road: TestRoad, processor: AnyProcessor, upTo?: bigint) {
  const records = await StateRecords.create(road.registry, processor.output);
  const [bounds] = await road.log.admin.offsets(processor.output);
  const end = { topic: processor.output, partition: 0, barrierOffset: upTo ?? bounds!.end, startOffset: bounds!.start };
  return restore(road.log.createReader(), end, records, { decode: () => null, prepare: () => Promise.resolve() });
}

/** The state at each position of a run that made a result of every step. */
async function statesByPosition(road: TestRoad, processor: AnyProcessor): Promise<Map<bigint, Record<string, string>>> {
  const states = new Map<bigint, Record<string, string>>();
  for (const { key, offset } of road.log.records(processor.output)) {
    if (key?.toString() !== '_position') continue;
    const { position, values } = await restored(road, processor, offset + 1n);
    states.set(position!.lsn, Object.fromEntries(values));
  }
  return states;
}

test('a writer that was replaced is refused, and says so', async () => {
  const road = await recordedRoad(1, 3);
  const zombie = await road.start(inventory);
  const successor = await road.start(inventory);
  await expect(zombie.step()).rejects.toMatchObject({ kind: 'log-fenced' });
  while (await successor.step());
  expect(entriesIn(road, inventory).length).toBeGreaterThan(0);
});

test('state of another version is refused with a sentence that says what to do', async () => {
  const road = await recordedRoad(1, 3);
  const runner = await road.start(inventory);
  while (await runner.step());
  await expect(road.start({ ...inventory, stateVersion: inventory.stateVersion + 1 })).rejects.toThrow(
    'millrace rebuild inventory --from cdc',
  );
  expect(road.registry).toBeInstanceOf(MemoryRegistry);
});

test('a deletion that compaction took away is learnt of from its tombstone', async () => {
  const road = await TestRoad.open();
  const product: TestRow = { table: 'products', op: 'c', row: { product_id: 'p1', sku: 's1', name: 'Chair' } };
  await road.source.commit(10n, 1_000_000, [product]);
  await road.start(inventory);
  await road.start(follow);
  await road.settle();
  expect(road.latest('views.pricing', 'price', 'p1')).not.toBeNull();
  await road.source.commit(20n, 2_000_000, [{ table: 'products', op: 'd', row: { product_id: 'p1' } }]);
  const again = await road.start(inventory);
  while (await again.step());
  road.log.compact('views.inventory');
  expect(road.written('views.inventory')).toEqual([]);
  await road.settle();
  expect(road.written('views.pricing').at(-1)?.entry).toMatchObject({ id: 'p1', lsn: 20n, data: null });
  // With the deletion still there, it counts once.
  expect(road.written('views.pricing')).toHaveLength(2);
});
