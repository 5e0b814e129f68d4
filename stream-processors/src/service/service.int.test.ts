import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { testEngines } from '@millrace/infra-local/testing';
import type { LogClient } from '@millrace/kernel/log';
import { createKafkaGroup } from '@millrace/kernel/log-kafka';
import { Registry, silentLogger } from '@millrace/kernel/telemetry';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { viewTopics } from '@millrace/schemas/topics';
import { processors } from '../processors/index.ts';
import { SnapshotFolder } from '../runtime/index.ts';
import { shopHistory } from '../testing/index.ts';
import { ProcessingService } from './service.ts';
import { RealRoad, expectedEntries, startProcess, until } from './testing/real-road.ts';

const partitions = 2;
let road: RealRoad;
let log: LogClient;
let registry: SchemaRegistry;

beforeAll(async () => {
  road = await RealRoad.open(partitions);
  ({ log, registry } = road);
});

afterAll(() => road.close());

const newSource = () => road.newSource();
const readUntil: RealRoad['readUntil'] = (...of) => road.readUntil(...of);
const expected = (seed: number, commits: number) => expectedEntries(seed, commits, partitions);

async function expectSame(prefix: string, wanted: Map<string, string[]>, lsn: bigint): Promise<void> {
  for (const topic of viewTopics) {
    for (let at = 0; at < partitions; at++) {
      const got = await readUntil(prefix, topic, at, lsn);
      expect({ topic, at, got }).toEqual({ topic, at, got: wanted.get(`${topic}/${at}`) });
    }
  }
}

test('in one process: every entry once and right; a second start goes on where the first stopped', async () => {
  const { prefix, source } = await newSource();
  const history = shopHistory(7, 120, 12);
  const wanted = await expected(7, 120);
  const config = { topicPrefix: prefix, partitions, processors: [] };
  const commits = async (from: number, to: number): Promise<void> => {
    for (const { lsn, tsUs, rows } of history.slice(from, to)) await source.commit(lsn, tsUs, rows);
  };
  for (const [from, to] of [
    [0, 60],
    [60, 120],
  ] as const) {
    const service = new ProcessingService({ config, log, registry, logger: silentLogger(), metrics: new Registry() });
    const stop = new AbortController();
    const running = service.run(stop.signal);
    await commits(from, to);
    await readUntil(prefix, 'views.catalog', 0, history[to - 1]!.lsn);
    await readUntil(prefix, 'views.catalog', 1, history[to - 1]!.lsn);
    // The relays of events may open after the tasks have come this far.
    await until('it is ready', () => service.ready().ready);
    expect(service.status().tasks.map(({ parked }) => parked.length)).toEqual(
      Array(processors.length * partitions).fill(0),
    );
    stop.abort();
    await running;
  }
  await expectSame(prefix, wanted, history.at(-1)!.lsn);
}, 60_000);

test('killed with -9 again and again: every entry once, the same as without', async () => {
  const { prefix, source } = await newSource();
  const history = shopHistory(11, 300, 12);
  const wanted = await expected(11, 300);
  let at = 0;
  const waiting = new Map<number, () => void>();
  const written = (count: number): Promise<void> =>
    new Promise((resolve) => {
      if (at >= count) resolve();
      else waiting.set(count, resolve);
    });
  const write = (async () => {
    for (; at < history.length; at++) {
      const { lsn, tsUs, rows } = history[at]!;
      await source.commit(lsn, tsUs, rows);
      waiting.get(at)?.();
      if (at % 3 === 0) await readUntil(prefix, 'views.inventory', at % 2, history[Math.max(0, at - 20)]!.lsn);
    }
  })();
  for (const stopAt of [60, 140, 220]) {
    const child = startChild(prefix);
    // The commits wait for the views now and then, so the child has come this far.
    await written(stopAt);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
  }
  const last = startChild(prefix);
  await write;
  await expectSame(prefix, wanted, history.at(-1)!.lsn);
  last.kill('SIGTERM');
  const code = await new Promise((resolve) => last.once('exit', resolve));
  expect(code).toBe(0);
}, 120_000);

/** Memory for next to no state: 100 bytes. */
const TINY_MB = '0.0001';

test('killed with -9 while it keeps snapshots of its state, most of it on the disk: the next starts begin with them, and every entry comes once', async () => {
  const { prefix, source } = await newSource();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-state-'));
  const history = shopHistory(19, 120, 12);
  const wanted = await expected(19, 120);
  const env = {
    STATE_DIR: folder,
    STATE_SNAPSHOT_SECONDS: '0.05',
    STATE_SNAPSHOT_RECORDS: '1',
    STATE_MEMORY_MB: TINY_MB,
    PROCESSORS: 'inventory',
  };
  const disk = new SnapshotFolder(folder);
  const snapshots = async (): Promise<string[]> =>
    (await Promise.all([0, 1].map((at) => disk.list(`${prefix}views.inventory/${at}`)))).map(([newest = '']) => newest);
  const readTo = async (lsn: bigint): Promise<void> => {
    for (let at = 0; at < partitions; at++) await readUntil(prefix, 'views.inventory', at, lsn);
  };
  for (const [from, to] of [
    [0, 40],
    [40, 80],
  ] as const) {
    const child = startChild(prefix, '1/1', env);
    const before = await snapshots();
    for (const { lsn, tsUs, rows } of history.slice(from, to)) await source.commit(lsn, tsUs, rows);
    await readTo(history[to - 1]!.lsn);
    // Each task has one that it had not, which takes a result at or after the interval: so time goes on until it has.
    for (let lsn = history[to - 1]!.lsn + 1n; (await snapshots()).some((newest, at) => newest <= before[at]!);) {
      if (lsn < history[to]!.lsn) await source.watermark(lsn++, history[to - 1]!.tsUs);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
  }
  const config = {
    topicPrefix: prefix,
    partitions,
    processors: ['inventory'],
    stateFolder: folder,
    stateSnapshotSeconds: 60,
    stateMemoryMb: Number(TINY_MB),
  };
  const service = new ProcessingService({ config, log, registry, logger: silentLogger(), metrics: new Registry() });
  const stop = new AbortController();
  const running = service.run(stop.signal);
  await until('it is ready', () => service.ready().ready);
  const began = service.runners.map(({ restored }) => restored.snapshotOffset !== null);
  for (const { lsn, tsUs, rows } of history.slice(80)) await source.commit(lsn, tsUs, rows);
  await readTo(history.at(-1)!.lsn);
  const spilled = service.status().tasks.map(({ spilledValues }) => spilledValues > 0);
  stop.abort();
  await running;
  await rm(folder, { recursive: true, force: true });
  expect([began, spilled]).toEqual([
    [true, true],
    [true, true],
  ]);
  for (let at = 0; at < partitions; at++) {
    const got = await readUntil(prefix, 'views.inventory', at, history.at(-1)!.lsn);
    expect(got).toEqual(wanted.get(`views.inventory/${at}`));
  }
}, 240_000);

test('two services share the tasks; when one goes, the other takes over its tasks and leaves its own alone', async () => {
  const { prefix, source } = await newSource();
  const history = shopHistory(13, 120, 12);
  const wanted = await expected(13, 120);
  const config = { topicPrefix: prefix, partitions, processors: [], placement: { by: 'group' } } as const;
  const { kafkaBrokers } = testEngines();
  const kafka = { brokers: kafkaBrokers, clientId: 'placement-test', logger: silentLogger() };
  const start = () => {
    const service = new ProcessingService({
      ...{ config, log, registry, logger: silentLogger(), metrics: new Registry() },
      joinGroup: (options) => createKafkaGroup(kafka, options),
    });
    const stop = new AbortController();
    return { service, stop, running: service.run(stop.signal) };
  };
  const taskNames = ({ service }: ReturnType<typeof start>): string[] =>
    service.status().tasks.map(({ processor, partition }) => `${processor}/${partition}`);
  const all = processors.length * partitions;
  const one = start();
  await until('one has all tasks', () => taskNames(one).length === all);
  const kept = new Map(one.service.runners.map((runner) => [runner.name, runner]));
  const other = start();
  await until(
    'both have their share',
    () => taskNames(one).length + taskNames(other).length === all && taskNames(other).length >= all / 2 - 1,
  );
  // What stays was not started again.
  for (const runner of one.service.runners) expect(kept.get(runner.name)).toBe(runner);
  for (const { lsn, tsUs, rows } of history.slice(0, 60)) await source.commit(lsn, tsUs, rows);
  one.stop.abort();
  await one.running;
  for (const { lsn, tsUs, rows } of history.slice(60)) await source.commit(lsn, tsUs, rows);
  await until('the other has all tasks', () => taskNames(other).length === all);
  await expectSame(prefix, wanted, history.at(-1)!.lsn);
  other.stop.abort();
  await other.running;
}, 90_000);

test('processes of a group killed with -9: their tasks move, every entry once, the same as without', async () => {
  const { prefix, source } = await newSource();
  const history = shopHistory(17, 200, 12);
  const wanted = await expected(17, 200);
  const children = [supervised(prefix), supervised(prefix)];
  for (const [at, { lsn, tsUs, rows }] of history.entries()) {
    await source.commit(lsn, tsUs, rows);
    if (at !== 80 && at !== 140) continue;
    // Both have worked by now; what the killed one had goes on in the others.
    for (let partition = 0; partition < partitions; partition++) {
      await readUntil(prefix, 'views.catalog', partition, history[at - 20]!.lsn);
    }
    children.push(supervised(prefix));
    await children.shift()?.end('SIGKILL');
  }
  await expectSame(prefix, wanted, history.at(-1)!.lsn);
  for (const child of children) expect(await child.end('SIGTERM')).toBe(0);
}, 180_000);

/** A process of the group, started again when it ends by itself, as it would be in production. */
function supervised(prefix: string): { end(signal: NodeJS.Signals): Promise<number | null> } {
  let ending = false;
  let child = startChild(prefix, 'group');
  const watch = (): void => {
    child.once('exit', () => {
      if (ending) return;
      child = startChild(prefix, 'group');
      watch();
    });
  };
  watch();
  return {
    end: (signal) => {
      ending = true;
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
      child.kill(signal);
      return ended;
    },
  };
}

const startChild = (prefix: string, placement = '1/1', further: Readonly<Record<string, string>> = {}): ChildProcess =>
  startProcess(prefix, partitions, { PLACEMENT: placement, ...further });
