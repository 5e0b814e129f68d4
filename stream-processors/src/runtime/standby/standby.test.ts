import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LogReader } from '@millrace/kernel/log';
import { inventory, pricing } from '../../processors/index.ts';
import { MemoryDisk, TestRoad, seeded, shopHistory } from '../../testing/index.ts';
import type { AnyProcessor } from '../index.ts';
import { MOST_AGE_MS, SnapshotTurns } from '../snapshot/index.ts';
import type { TaskState } from '../task-state.ts';
import type { Standby } from './index.ts';

const commits = async (road: TestRoad, history: ReturnType<typeof shopHistory>): Promise<void> => {
  for (const { lsn, tsUs, rows } of history) await road.source.commit(lsn, tsUs, rows);
};

/** Lets it read all that is there, and goes on. */
async function atEnd(road: TestRoad, standby: Standby): Promise<void> {
  const end = (): bigint => road.log.records(inventory.output).at(-1)?.offset ?? -1n;
  while ((standby.report()?.offset ?? 0n) <= end()) await new Promise<void>((resolve) => setImmediate(resolve));
}

async function running(road: TestRoad, processor: AnyProcessor = inventory): Promise<Standby> {
  const standby = await road.standby(processor);
  void standby.run(new AbortController().signal);
  return standby;
}

const sorted = (state: TaskState): [string, string][] => [...state.values()].sort(([a], [b]) => (a < b ? -1 : 1));

/** What a start with the standby finds, and what the whole log says: the same, always. */
async function takenOver(road: TestRoad, standby: Standby, processor: AnyProcessor = inventory) {
  road.warm = standby;
  const runner = await road.start(processor);
  const whole = await road.start(processor);
  expect(sorted(runner.task.state)).toEqual(sorted(whole.task.state));
  expect(runner.task.position).toEqual(whole.task.position);
  return runner.restored;
}

/** A standby at the end of a log that holds 12 commits. */
async function warmed(): Promise<{ road: TestRoad; standby: Standby }> {
  const road = await TestRoad.open();
  await commits(road, shopHistory(3, 12));
  const runner = await road.start(inventory);
  const standby = await running(road);
  while (await runner.step());
  await runner.close();
  await atEnd(road, standby);
  return { road, standby };
}

test('a task that takes over from a standby reads what came since, and no more', async () => {
  const { road, standby } = await warmed();
  const all = road.log.records(inventory.output).length;
  expect(standby.report()).toMatchObject({ records: all, isWarm: true, endOffset: BigInt(all) });
  await standby.rest();
  const runner = await road.start(inventory);
  await commits(road, shopHistory(3, 14).slice(12));
  while (await runner.step());
  await runner.close();
  const since = road.log.records(inventory.output).length - all;
  expect(since).toBeGreaterThan(3);
  expect(await takenOver(road, standby)).toEqual({ wasWarm: true, snapshotOffset: null, records: since });
  expect(standby.report()).toBeNull();
});

test('at any time, with results in parts, half a result at the end, compaction: what it takes over is what the whole log says', async () => {
  let warm = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer(), async (seed, chance) => {
      const pick = seeded(chance);
      const road = await TestRoad.open();
      const history = shopHistory(seed, 40);
      let standby = await running(road, pricing);
      for (let at = 0; at < history.length;) {
        const to = at + 1 + pick(15);
        const limits = { resultBytes: pick(2000), maxBatchBytes: 300 + pick(1200) };
        const runner = await road.start(pricing, 0, limits);
        await commits(road, history.slice(at, to));
        at = to;
        // The last thing that it does may be half a result.
        let appends = pick(30);
        road.log.hooks = {
          beforeAppend: ({ writer }) => {
            if (writer.startsWith('views.') && appends-- <= 0) throw new Error('struck down');
          },
        };
        for (let more = true; more;) {
          more = await runner.step().catch(() => false);
          for (let turns = pick(4); turns > 0; turns--) await new Promise<void>((resolve) => setImmediate(resolve));
          if (pick(4) === 0) road.log.compact(pricing.output);
        }
        road.log.hooks = {};
        if (pick(2) === 0) continue;
        if ((await takenOver(road, standby, pricing)).wasWarm) warm++;
        standby = await running(road, pricing);
      }
    }),
    { numRuns: 25 },
  );
  expect(warm).toBeGreaterThan(20);
}, 120_000);

test('of another log of that name, of a log that begins after it, or not at its end for too long: left aside', async () => {
  const trimmed = await warmed();
  await trimmed.standby.rest();
  const runner = await trimmed.road.start(inventory);
  await commits(trimmed.road, shopHistory(3, 14).slice(12));
  while (await runner.step());
  const last = trimmed.road.log.records(inventory.output).findLast(({ key }) => key?.toString() === '_position');
  trimmed.road.log.compact(inventory.output);
  trimmed.road.log.trim({ topic: inventory.output, partition: 0 }, last?.offset ?? 0n);
  expect((await takenOver(trimmed.road, trimmed.standby)).wasWarm).toBe(false);

  const old = await warmed();
  old.road.nowMs += MOST_AGE_MS + 1;
  expect((await takenOver(old.road, old.standby)).wasWarm).toBe(false);

  const other = await warmed();
  await other.standby.rest();
  await other.road.log.admin.deleteTopics([inventory.output]);
  expect((await takenOver(other.road, other.standby)).wasWarm).toBe(false);

  const ahead = await warmed();
  await ahead.standby.rest();
  const identity = (await ahead.road.log.admin.identity(inventory.output)) ?? '';
  const end = { topic: inventory.output, partition: 0, startOffset: 0n, barrierOffset: 3n };
  await expect(ahead.standby.take(end, identity)).rejects.toThrow('the log ends before it');
});

/** A reader that finds nothing while it is `away`. */
function interrupted(road: TestRoad) {
  const state = { away: false };
  const createReader = (): LogReader => {
    const reader = road.log.createReader();
    const poll = reader.poll.bind(reader);
    reader.poll = async () => {
      await new Promise<void>((resolve) => setImmediate(resolve));
      return state.away ? [] : poll(0);
    };
    return reader;
  };
  return { state, createReader };
}

test.each([
  ['7 days', MOST_AGE_MS * 14, false],
  ['a while', 1000, true],
])(
  'one that reads on after %s: what was deleted and forgotten meanwhile does not come back',
  async (_, awayMs, stays) => {
    const { road } = await warmed();
    const { state, createReader } = interrupted(road);
    const standby = await road.standby(inventory, 0, createReader);
    const told = standby.run(new AbortController().signal).then(
      () => true,
      () => false,
    );
    const runner = await road.start(inventory);
    const row = {
      product_id: 'p',
      variant_id: 'p',
      warehouse_id: 'w',
      quantity: 1,
      reserved: 0,
      low_stock_threshold: 3,
    };
    const [last] = shopHistory(3, 12).slice(-1);
    let { lsn, tsUs } = last!;
    const next = async (op: 'c' | 'd'): Promise<void> => {
      await road.source.commit((lsn += 10n), ++tsUs, [{ table: 'inventory', op, row }]);
      while (await runner.step());
    };
    await next('c');
    await atEnd(road, standby);
    state.away = true;
    await next('d');
    road.log.compact(inventory.output, { dropTombstones: !stays });
    road.nowMs += awayMs;
    state.away = false;
    for (let turns = 0; turns < 5; turns++) {
      row.product_id = `q${turns}`;
      await next('c');
      for (let n = 0; n < 5; n++) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    expect((await takenOver(road, standby)).wasWarm).toBe(stays);
    expect(await told).toBe(stays);
  },
);

test('one that cannot read on is of no use, and says so', async () => {
  const { road, standby } = await warmed();
  await standby.rest();
  const second = await road.standby(inventory);
  const told = second.run(new AbortController().signal);
  await atEnd(road, second);
  await road.log.admin.deleteTopics([inventory.output]);
  await expect(told).rejects.toThrow('There is no partition 0');
  expect(second.report()).toBeNull();
});

test('it begins with a snapshot where the process has one', async () => {
  const road = await TestRoad.open();
  const disk = new MemoryDisk();
  road.snapshots = { disk, everyMs: 0, leastRecords: 1, partValues: 3, lastMs: 1_000, turns: new SnapshotTurns() };
  await commits(road, shopHistory(3, 12));
  const runner = await road.start(inventory);
  while (await runner.step());
  await runner.run(AbortSignal.abort());
  await runner.close();
  const standby = await running(road);
  await road.start(inventory);
  await atEnd(road, standby);
  // The barrier of the task alone.
  expect(standby.report()).toMatchObject({ records: 1 });
  expect(standby.report()?.keys).toBeGreaterThan(3);
  expect((await takenOver(road, standby)).wasWarm).toBe(true);
});
