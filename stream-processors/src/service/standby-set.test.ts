import { expect, test } from '@jest/globals';
import { silentLogger } from '@millrace/kernel/telemetry';
import { inventory } from '../processors/index.ts';
import { TestRoad, shopHistory } from '../testing/index.ts';
import { StandbySet } from './standby-set.ts';

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A log with some commits, and the standbys of a process. */
async function opened() {
  const road = await TestRoad.open();
  for (const { lsn, tsUs, rows } of shopHistory(3, 12)) await road.source.commit(lsn, tsUs, rows);
  const runner = await road.start(inventory);
  while (await runner.step());
  let asked = 0;
  const standbys = new StandbySet({
    open: (name) => {
      asked++;
      return name === 'inventory/0' ? road.standby(inventory) : Promise.resolve(null);
    },
    logger: silentLogger(),
  });
  return { road, standbys, asked: () => asked };
}

test('it reads what it is told to, a task that starts here takes it over, once, and then it is told no more', async () => {
  const { road, standbys } = await opened();
  standbys.have(['inventory/0', 'stock-events/0'], []);
  await until(() => standbys.warm.length === 1);
  expect(standbys.reports).toMatchObject([{ name: 'inventory/0', report: { isWarm: true } }]);
  standbys.have([], ['inventory/0']);
  road.warm = standbys.warmStart('inventory/0') ?? null;
  expect((await road.start(inventory)).restored.wasWarm).toBe(true);
  expect(standbys.names).toEqual([]);
  expect(standbys.warmStart('inventory/0')).toBeUndefined();
  await standbys.close();
}, 60_000);

test('one that a task asked for and did not take begins anew when it is a standby again', async () => {
  const { standbys, asked } = await opened();
  standbys.have(['inventory/0'], []);
  await until(() => standbys.warm.length === 1);
  standbys.have([], ['inventory/0']);
  await standbys.warmStart('inventory/0')?.rest();
  // The task moved on before it was open.
  standbys.have(['inventory/0'], []);
  await until(() => asked() === 2 && standbys.warm.length === 1);
  standbys.have([], []);
  expect(standbys.names).toEqual([]);
  expect(standbys.reports).toEqual([]);
  await standbys.close();
}, 60_000);

test('one that has not begun is no start for a task, and does not stay beside it', async () => {
  const { standbys } = await opened();
  standbys.have(['inventory/0'], []);
  expect(standbys.warmStart('inventory/0')).toBeUndefined();
  expect(standbys.names).toEqual([]);
  await standbys.close();
}, 60_000);
