import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { testEngines } from '@millrace/infra-local/testing';
import { createKafkaGroup } from '@millrace/kernel/log-kafka';
import { Registry, silentLogger } from '@millrace/kernel/telemetry';
import { shopHistory } from '../testing/index.ts';
import { ProcessingService } from './service.ts';
import { RealRoad, expectedEntries, startProcess, until } from './testing/real-road.ts';

const partitions = 2;
const topic = 'views.inventory';
let road: RealRoad;

beforeAll(async () => {
  road = await RealRoad.open(partitions);
});

const ending: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const end of ending) await end();
  await road.close();
});

test('a process is killed with -9: another, which had standbys of its tasks, goes on with them and reads no more than came since', async () => {
  const { prefix, source } = await road.newSource();
  const history = shopHistory(31, 160, 12);
  const wanted = await expectedEntries(31, 160, partitions);
  const commits = async (from: number, to: number): Promise<void> => {
    for (const { lsn, tsUs, rows } of history.slice(from, to)) await source.commit(lsn, tsUs, rows);
  };
  const endOf = async (partition: number): Promise<bigint> =>
    (await road.log.admin.offsets(prefix + topic))[partition]?.end ?? 0n;

  // The first of the group has all tasks before the second comes, so it keeps those of the state.
  const owner = startProcess(prefix, partitions, {
    PLACEMENT: 'group',
    PROCESSORS: 'inventory',
    STANDBY_REPLICAS: '1',
  });
  await until('the owner has opened its tasks', async () => (await endOf(0)) > 0n && (await endOf(1)) > 0n);
  const service = new ProcessingService({
    config: {
      ...{ topicPrefix: prefix, partitions, processors: ['inventory'], standbyReplicas: 1 },
      placement: { by: 'group' },
    },
    ...{ log: road.log, registry: road.registry, logger: silentLogger(), metrics: new Registry() },
    joinGroup: (options) =>
      createKafkaGroup(
        { brokers: testEngines().kafkaBrokers, clientId: 'standby-test', logger: silentLogger() },
        options,
      ),
  });
  const stop = new AbortController();
  const running = service.run(stop.signal);
  ending.push(async () => {
    owner.kill('SIGKILL');
    stop.abort();
    await running;
  });
  await commits(0, 120);
  for (let at = 0; at < partitions; at++) await road.readUntil(prefix, topic, at, history[119]!.lsn);
  const atEnd = async (): Promise<boolean> => {
    const { standbys } = service.status();
    const ends = await Promise.all([0, 1].map((at) => endOf(at).then(String)));
    return ends.every((end, at) => standbys.some(({ task, offset }) => task === `inventory/${at}` && offset === end));
  };
  await until('standbys of both tasks are at the end of their logs', atEnd);
  const before = service.status().standbys;
  expect(before).toMatchObject([0, 1].map(() => ({ warm: true, behind: 0 })));
  expect(service.runners).toHaveLength(0);

  owner.kill('SIGKILL');
  await new Promise((resolve) => owner.once('exit', resolve));
  await commits(120, 160);
  for (let at = 0; at < partitions; at++) {
    const got = await road.readUntil(prefix, topic, at, history.at(-1)!.lsn);
    expect(got).toEqual(wanted.get(`${topic}/${at}`));
  }
  const restored = service.runners.map((runner) => runner.restored);
  expect(restored.map(({ wasWarm }) => wasWarm)).toEqual([true, true]);
  for (const { records: all } of before) expect(all).toBeGreaterThan(50);
  // At most what the owner appended between the two: nothing was committed then.
  for (const { records } of restored) expect(records).toBeLessThan(10);
  expect(service.status().standbys).toEqual([]);
}, 240_000);
