import { expect, test } from '@jest/globals';
import { PlatformError } from '@millrace/kernel/errors';
import { Registry, silentLogger } from '@millrace/kernel/telemetry';
import { keyedSpecs } from '@millrace/schemas/topics';
import { createViewCodec } from '@millrace/schemas/views';
import { inventory } from '../processors/index.ts';
import { TestRoad, shopHistory } from '../testing/index.ts';
import type { TestRow } from '../testing/index.ts';
import { ProcessingService } from './service.ts';
import { TaskSet } from './task-set.ts';

const partitions = 2;
const row = (columns: Record<string, unknown>): TestRow => ({
  table: 'view_generations',
  op: 'u',
  row: { view: 'catalog', active: 1, active_log: 1, last: 2, log_inputs: '{}', ...columns },
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('it never happened');
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

test('a log made anew from the beginning holds the same entries as the one beside it, and goes on alone when it is all that is named', async () => {
  const road = await TestRoad.open(partitions);
  const { log, registry } = road;
  const service = new ProcessingService({
    ...{ config: { topicPrefix: '', partitions, processors: [] }, log, registry },
    ...{ logger: silentLogger(), metrics: new Registry(), limits: { watermarkMs: 0 } },
  });
  const stop = new AbortController();
  const running = service.run(stop.signal);
  const history = shopHistory(23, 120, 12);
  const commit = async (from: number, to: number): Promise<void> => {
    for (const { lsn, tsUs, rows } of history.slice(from, to)) await road.source.commit(lsn, tsUs, rows);
  };
  const tasksOf = (topic: string) => service.status().tasks.filter(({ output }) => output === topic);
  const reached = (topic: string, lsn: bigint): boolean =>
    tasksOf(topic).filter(({ position }) => BigInt(position) >= lsn).length === partitions;
  const written = async (topic: string): Promise<string[]> => {
    const codec = await createViewCodec(registry, topic);
    return Array.from({ length: partitions }, (_, partition) => log.records(topic, partition)).flatMap((records) =>
      records.flatMap(({ key, value }) => {
        const entry = codec.decode(key, value);
        return entry === null
          ? []
          : [`${entry.kind}:${entry.id}@${entry.lsn.toString()} ${JSON.stringify(entry.data)}`];
      }),
    );
  };
  const at = (index: number) => history[index]!;

  await commit(0, 60);
  await until(() => reached('views.catalog', at(59).lsn));
  await log.admin.ensureTopics(keyedSpecs('views.catalog.g2', '', partitions));
  await road.source.commit(at(59).lsn + 2n, at(59).tsUs, [row({ building: 2, building_log: 2 })]);
  await commit(60, 90);
  await until(() => reached('views.catalog', at(89).lsn) && reached('views.catalog.g2', at(89).lsn));
  const [first, anew] = [await written('views.catalog'), await written('views.catalog.g2')];
  expect(first.length).toBeGreaterThan(50);
  expect(anew).toEqual(first);

  await road.source.commit(at(89).lsn + 2n, at(89).tsUs, [row({ active: 2, active_log: 2 })]);
  await until(() => tasksOf('views.catalog').length === 0);
  await commit(90, 120);
  await until(() => reached('views.catalog.g2', at(119).lsn));
  expect(await written('views.catalog')).toEqual(first);
  expect((await written('views.catalog.g2')).length).toBeGreaterThan(anew.length);
  stop.abort();
  await running;
}, 40_000);

test('a task whose state is of another version stands still and says what to do; the others go on', async () => {
  const running = new Set<string>();
  const refused: string[] = [];
  const tasks = new TaskSet({
    open: (name) => {
      if (name === 'old/0') return Promise.reject(new PlatformError('state-outdated', 'rebuild it'));
      const run = (signal: AbortSignal): Promise<void> => {
        running.add(name);
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      };
      return Promise.resolve({ part: { run, close: () => Promise.resolve() }, runner: null });
    },
    logger: silentLogger(),
    reopenMs: null,
    refused: (name) => refused.push(name),
  });
  tasks.have(['old/0', 'new/0']);
  await until(() => running.has('new/0') && refused.length > 0);
  expect([...tasks.refused]).toEqual([['old/0', 'rebuild it']]);
  expect(tasks.failed.aborted).toBe(false);
  await until(() => tasks.isRestored);
  tasks.have(['new/0']);
  tasks.have(['old/0', 'new/0']);
  await tasks.close();
  expect(refused).toEqual(['old/0']);
});

test('what an earlier release left in a log is named with the command at the start, and a log made anew takes its place', async () => {
  const road = await TestRoad.open(partitions);
  const { log, registry } = road;
  const history = shopHistory(29, 60, 12);
  const former = { ...inventory, stateVersion: inventory.stateVersion - 1 };
  for (let at = 0; at < partitions; at++) await road.start(former, at);
  for (const { lsn, tsUs, rows } of history.slice(0, 30)) await road.source.commit(lsn, tsUs, rows);
  await road.settle();
  const service = new ProcessingService({
    ...{ config: { topicPrefix: '', partitions, processors: [] }, log, registry },
    ...{ logger: silentLogger(), metrics: new Registry(), limits: { watermarkMs: 0 } },
  });
  const stop = new AbortController();
  const running = service.run(stop.signal);
  await until(() => service.ready().degraded !== undefined);
  expect(service.ready()).toMatchObject({
    ready: true,
    degraded: expect.stringContaining('`millrace rebuild inventory --from cdc`'),
  });
  expect(
    service
      .status()
      .refused.map(({ task }) => task)
      .sort(),
  ).toEqual(['inventory/0', 'inventory/1']);

  const at = (index: number) => history[index]!;
  const inventoryRow = (columns: Record<string, unknown>) => row({ view: 'inventory', ...columns });
  await log.admin.ensureTopics(keyedSpecs('views.inventory.g2', '', partitions));
  await road.source.commit(at(29).lsn + 2n, at(29).tsUs, [inventoryRow({ building: 2, building_log: 2 })]);
  for (const { lsn, tsUs, rows } of history.slice(30)) await road.source.commit(lsn, tsUs, rows);
  const reached = (topic: string): boolean =>
    service.status().tasks.filter(({ output, position }) => output === topic && BigInt(position) >= at(59).lsn)
      .length === partitions;
  await until(() => reached('views.inventory.g2') && reached('views.orders'));

  // The catalog is made from the old log until it is made anew itself: only then is nothing refused any more.
  await log.admin.ensureTopics(keyedSpecs('views.catalog.g2', '', partitions));
  await road.source.commit(at(59).lsn + 2n, at(59).tsUs, [
    inventoryRow({ active: 2, active_log: 2 }),
    row({ active: 2, active_log: 2, log_inputs: '{"2":{"inventory":2}}' }),
  ]);
  await until(() => reached('views.catalog.g2') && service.ready().degraded === undefined);
  stop.abort();
  await running;
}, 40_000);
