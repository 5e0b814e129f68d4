import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { inventory, pricing } from '../../processors/index.ts';
import { MemoryDisk, TestRoad, seeded, shopHistory } from '../../testing/index.ts';
import type { AnyProcessor } from '../index.ts';
import type { TaskState } from '../task-state.ts';
import { MOST_AGE_MS, SnapshotTurns } from './index.ts';

const task = 'views.inventory/0';

async function roadWith(disk: MemoryDisk, commits: number, seed = 3): Promise<TestRoad> {
  const road = await TestRoad.open();
  road.snapshots = { disk, everyMs: 0, leastRecords: 1, partValues: 3, lastMs: 1_000, turns: new SnapshotTurns() };
  for (const { lsn, tsUs, rows } of shopHistory(seed, commits)) await road.source.commit(lsn, tsUs, rows);
  return road;
}

const sorted = (state: TaskState): [string, string][] => [...state.values()].sort(([a], [b]) => (a < b ? -1 : 1));

/** What a start finds, and what it would find without snapshots: the same, always. */
async function restarted(road: TestRoad, processor: AnyProcessor = inventory) {
  const { snapshots } = road;
  const runner = await road.start(processor);
  road.snapshots = null;
  const whole = await road.start(processor);
  road.snapshots = snapshots;
  expect(sorted(runner.task.state)).toEqual(sorted(whole.task.state));
  expect(runner.task.position).toEqual(whole.task.position);
  return runner.restored;
}

/** Works everything off, and stops. */
async function workAndStop(road: TestRoad, processor: AnyProcessor = inventory): Promise<void> {
  const runner = await road.start(processor);
  while (await runner.step());
  const stopped = AbortSignal.abort();
  await runner.run(stopped);
  await runner.close();
}

/** A disk with one snapshot, of a task that went on after it. */
async function withSnapshot(): Promise<{ road: TestRoad; disk: MemoryDisk; name: string; bytes: Buffer }> {
  const disk = new MemoryDisk();
  const road = await roadWith(disk, 12);
  await workAndStop(road);
  const [name = ''] = await disk.list(task);
  const bytes = disk.files.get(task)?.get(name) ?? Buffer.alloc(0);
  disk.files.get(task)?.clear();
  disk.files.get(task)?.set(name, bytes);
  return { road, disk, name, bytes };
}

test('a clean stop leaves a snapshot: the next start reads nothing but its own barrier', async () => {
  const { road, name } = await withSnapshot();
  expect(await restarted(road)).toMatchObject({ snapshotOffset: BigInt(name), records: 0 });
});

test('at any time, with compaction: a start from a snapshot comes to what the whole log says', async () => {
  let used = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer(), async (seed, chance) => {
      const pick = seeded(chance);
      const road = await roadWith(new MemoryDisk(), 25, seed);
      for (let lives = 0; lives < 4; lives++) {
        const runner = await road.start(pricing, 0, { resultBytes: pick(2000), maxBatchBytes: 400 + pick(1500) });
        for (let steps = pick(20); steps > 0 && (await runner.step()); steps--);
        if (pick(2) === 0) road.log.compact(pricing.output);
        road.nowMs += pick(1000);
        if ((await restarted(road, pricing)).snapshotOffset !== null) used++;
      }
    }),
    { numRuns: 25 },
  );
  expect(used).toBeGreaterThan(25);
});

test('cut anywhere, or with any bit turned, it is left aside', async () => {
  const { road, disk, name, bytes } = await withSnapshot();
  const pick = seeded(5);
  const use = async (damaged: Buffer) => {
    disk.files.get(task)?.set(name, damaged);
    return (await restarted(road)).snapshotOffset;
  };
  for (let tries = 0; tries < 40; tries++) {
    const at = pick(bytes.length);
    expect(await use(Buffer.from(bytes.subarray(0, at)))).toBeNull();
    const turned = Buffer.from(bytes);
    turned.writeUInt8(turned.readUInt8(at) ^ (1 << pick(8)), at);
    expect(await use(turned)).toBeNull();
  }
  expect(await use(Buffer.concat([bytes, bytes]))).toBeNull();
  expect(await use(bytes)).toBe(BigInt(name));
});

test('a damaged one gives way to the one before it', async () => {
  const { road, disk, name, bytes } = await withSnapshot();
  disk.files.get(task)?.set('9'.repeat(20), bytes.subarray(0, 40));
  expect((await restarted(road)).snapshotOffset).toBe(BigInt(name));
});

test('of another log of that name, another processor or state version, from after the log’s end or before its beginning, too old: left aside', async () => {
  const { road, disk, name, bytes } = await withSnapshot();
  const other = await roadWith(disk, 12, 4);
  await workAndStop(other);
  disk.files.set(task, new Map([[name, bytes]]));
  // The same topics, made in another order: what was written is as long as before, and other.
  await other.log.admin.deleteTopics([inventory.output]);
  expect((await restarted(other)).snapshotOffset).toBeNull();

  expect((await restarted(road)).snapshotOffset).toBe(BigInt(name));
  road.nowMs += MOST_AGE_MS + 1;
  expect((await restarted(road)).snapshotOffset).toBeNull();
  road.nowMs = -1;
  expect((await restarted(road)).snapshotOffset).toBeNull();
  road.nowMs = 0;
  await expect(road.start({ ...inventory, stateVersion: inventory.stateVersion + 1 })).rejects.toThrow(
    'millrace rebuild inventory --from cdc',
  );
  expect((await restarted(road, { ...inventory, name: 'another' })).snapshotOffset).toBeNull();
  road.log.trim({ topic: inventory.output, partition: 0 }, BigInt(name) + 1n);
  const runner = await road.start(inventory);
  expect(runner.restored.snapshotOffset).toBeNull();
});

test('what the log never got is in none', async () => {
  const disk = new MemoryDisk();
  const road = await roadWith(disk, 12);
  const first = await road.start(inventory);
  while (await first.step());
  await first.settled();
  const [last] = shopHistory(3, 13).slice(-1);
  await road.source.commit(last!.lsn, last!.tsUs, last!.rows);
  road.log.hooks = {
    beforeAppend: ({ writer }) => {
      if (writer.startsWith('views.')) throw new Error('struck down');
    },
  };
  await expect(first.step()).rejects.toThrow();
  await first.close();
  road.log.hooks = {};
  await restarted(road);
});
