import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { testEngines } from '@millrace/infra-local/testing';
import type { LogClient } from '@millrace/kernel/log';
import { createKafkaGroup, createKafkaLog } from '@millrace/kernel/log-kafka';
import { Registry, silentLogger } from '@millrace/kernel/telemetry';
import { isWatermarkKey, readWatermark } from '@millrace/schemas/markers';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { topicSpecs, viewTopics } from '@millrace/schemas/topics';
import type { ViewTopic } from '@millrace/schemas/topics';
import { createViewCodec } from '@millrace/schemas/views';
import type { ViewEntry } from '@millrace/schemas/views';
import { TestRoad, TestSource, shopHistory } from '../testing/index.ts';
import { processors } from '../processors/index.ts';
import { SnapshotFolder } from '../runtime/index.ts';
import { ProcessingService } from './service.ts';

const partitions = 2;
let log: LogClient;
let registry: SchemaRegistry;
const prefixes: string[] = [];

beforeAll(async () => {
  const { kafkaBrokers, schemaRegistryUrl } = testEngines();
  log = createKafkaLog({ brokers: kafkaBrokers, clientId: 'processors-test', logger: silentLogger() });
  registry = await createSchemaRegistry(schemaRegistryUrl);
});

afterAll(async () => {
  for (const prefix of prefixes) {
    await log.admin.deleteTopics(topicSpecs(prefix, partitions).map(({ topic }) => topic));
  }
  await log.close();
});

async function newSource(): Promise<{ prefix: string; source: TestSource }> {
  const prefix = `sp-${randomBytes(4).toString('hex')}.`;
  prefixes.push(prefix);
  await log.admin.ensureTopics(topicSpecs(prefix, partitions));
  return { prefix, source: await TestSource.open(log, registry, { prefix, partitions }) };
}

/** Reads a view's partition until its watermark is at `lsn`: every entry written so far, in order. */
async function readUntil(prefix: string, topic: ViewTopic, partition: number, lsn: bigint): Promise<ViewEntry[]> {
  const codec = await createViewCodec(registry, prefix + topic);
  const reader = log.createReader();
  const entries: ViewEntry[] = [];
  reader.assign([{ topic: prefix + topic, partition, offset: 0n }]);
  for (let reached = false; !reached;) {
    for (const batch of await reader.poll(1000)) {
      for (const { key, value } of batch.records) {
        if (isWatermarkKey(key) && value !== null) reached ||= readWatermark(value).lsn >= lsn;
        const entry = codec.decode(key, value);
        if (entry !== null) entries.push(entry);
      }
    }
  }
  await reader.close();
  return entries;
}

const textOf = ({ kind, id, lsn, tsUs, data }: ViewEntry): string =>
  `${kind}:${id}@${lsn.toString()} ${tsUs} ${JSON.stringify(data)}`;

/** What the same commits give without a broker. */
async function expected(seed: number, commits: number): Promise<Map<string, string[]>> {
  const road = await TestRoad.open(partitions);
  for (const { lsn, tsUs, rows } of shopHistory(seed, commits, 12)) await road.source.commit(lsn, tsUs, rows);
  for (const processor of processors) for (let at = 0; at < partitions; at++) await road.start(processor, at);
  await road.settle();
  return new Map(
    viewTopics.flatMap((topic) =>
      Array.from({ length: partitions }, (_, at) => [
        `${topic}/${at}`,
        road.written(topic, at).map(({ entry }) => textOf(entry)),
      ]),
    ),
  );
}

async function expectSame(prefix: string, wanted: Map<string, string[]>, lsn: bigint): Promise<void> {
  for (const topic of viewTopics) {
    for (let at = 0; at < partitions; at++) {
      const got = (await readUntil(prefix, topic, at, lsn)).map(textOf);
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
    await until(() => service.ready().ready);
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
  await until(() => service.ready().ready);
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
    const got = (await readUntil(prefix, 'views.inventory', at, history.at(-1)!.lsn)).map(textOf);
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
  await until(() => taskNames(one).length === all);
  const kept = new Map(one.service.runners.map((runner) => [runner.name, runner]));
  const other = start();
  await until(() => taskNames(one).length + taskNames(other).length === all && taskNames(other).length >= all / 2 - 1);
  // What stays was not started again.
  for (const runner of one.service.runners) expect(kept.get(runner.name)).toBe(runner);
  for (const { lsn, tsUs, rows } of history.slice(0, 60)) await source.commit(lsn, tsUs, rows);
  one.stop.abort();
  await one.running;
  for (const { lsn, tsUs, rows } of history.slice(60)) await source.commit(lsn, tsUs, rows);
  await until(() => taskNames(other).length === all);
  await expectSame(prefix, wanted, history.at(-1)!.lsn);
  other.stop.abort();
  await other.running;
}, 90_000);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

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

function startChild(prefix: string, placement = '1/1', further: Readonly<Record<string, string>> = {}): ChildProcess {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const { kafkaBrokers, schemaRegistryUrl } = testEngines();
  return spawn(process.execPath, ['--conditions=@millrace/source', '--import', 'tsx', main], {
    env: {
      PATH: '',
      TOPIC_PREFIX: prefix,
      PARTITIONS: String(partitions),
      KAFKA_BROKERS: kafkaBrokers.join(','),
      SCHEMA_REGISTRY_URL: schemaRegistryUrl,
      PLACEMENT: placement,
      HEALTH_PORT: '0',
      LOG_LEVEL: 'error',
      STATE_SNAPSHOT_SECONDS: '0',
      ...further,
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}
