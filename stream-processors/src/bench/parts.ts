import { createKafkaLog } from '@millrace/kernel/log-kafka';
import type { LogClient } from '@millrace/kernel/log';
import { silentLogger } from '@millrace/kernel/telemetry';
import { topicSpecs } from '@millrace/schemas/topics';
import { LmdbDisk, StateMemory } from '../runtime/index.ts';
import type { TaskRunner } from '../runtime/index.ts';
import { KEYS, cpuSeconds, openBench, openTask } from './bench-task.ts';
import { sendPaced } from './paced.ts';
import { PreparedLog } from './prepared-log.ts';

export interface Place {
  readonly brokers: readonly string[];
  readonly prefix: string;
  readonly partitions: number;
  readonly partition: number;
  readonly records: number;
}

const BATCH = 500;
/** Of a value of the counter's store, as JSON. */
const STATE_BYTES = '{"movements":10,"onHand":10}'.length;

/** The runtime alone: everything but the log. `spill`: with so little memory that nine of ten values are on a disk in this folder. */
export async function runtimeAlone({ records }: Pick<Place, 'records'>, folder?: string) {
  const bench = await openBench();
  const log = new PreparedLog();
  for (let from = 0; from < records; from += 4 * BATCH) {
    log.add(bench.rows.batch(from, Math.min(records, from + 4 * BATCH)));
  }
  const spill =
    folder === undefined
      ? undefined
      : { memory: new StateMemory((KEYS * STATE_BYTES) / 10), open: () => new LmdbDisk(folder) };
  const runner = await openTask(bench, log, '', 0, 1, spill);
  const beganMs = performance.now();
  const began = cpuSeconds();
  while (await runner.step());
  const seconds = (performance.now() - beganMs) / 1000;
  return { records, seconds, cpuSeconds: cpuSeconds() - began, spilled: runner.task.state.spilled };
}

export function kafka({ brokers }: Pick<Place, 'brokers'>): LogClient {
  return createKafkaLog({ brokers, clientId: 'bench-processing', logger: silentLogger() });
}

const topic = ({ prefix }: Place): string => `${prefix}cdc.catalog`;

async function sourceOf(place: Place, log: LogClient) {
  const partitions = Array.from({ length: place.partitions }, (_, partition) => ({ topic: topic(place), partition }));
  const barrier = () => ({ key: Buffer.from('_barrier'), value: null });
  return log.openWriter({ name: `${place.prefix}bench-source`, partitions, barrier });
}

/** Writes the backlog, the same number of records into each partition. */
export async function fill(place: Place) {
  const log = kafka(place);
  await log.admin.ensureTopics(topicSpecs(place.prefix, place.partitions));
  const { rows } = await openBench();
  const source = await sourceOf(place, log);
  const each = place.records / place.partitions;
  for (let from = 0; from < each; from += BATCH) {
    const to = Math.min(each, from + BATCH);
    const records = rows.batch(from, to);
    await source.append(
      Array.from({ length: place.partitions }, (_, partition) => ({ topic: topic(place), partition, records })),
    );
  }
  await log.close();
  return { records: place.records };
}

/** One task works off its partition's backlog; what it restores before is measured too. */
export async function work(place: Place) {
  const bench = await openBench();
  const log = kafka(place);
  const openedMs = performance.now();
  const openedCpu = cpuSeconds();
  const runner = await openTask(bench, log, place.prefix, place.partition, place.partitions);
  const restoreMs = performance.now() - openedMs;
  const restoreCpu = cpuSeconds() - openedCpu;
  const beganMs = performance.timeOrigin + performance.now();
  const began = cpuSeconds();
  const before = runner.task.position.frontier;
  await runTo(runner, bench.rows.lsn(place.records / place.partitions - 1) + 1n);
  const endedMs = performance.timeOrigin + performance.now();
  const sum = {
    beganMs,
    endedMs,
    cpuSeconds: cpuSeconds() - began,
    restored: runner.restored.records,
    restoreMs,
    restoreCpu,
    /** Of this process, until the task was where it had been. */
    startMs: beganMs - performance.timeOrigin,
    resumed: before > 0n,
    residentBytes: process.memoryUsage.rss(),
  };
  await runner.close();
  await log.close();
  return sum;
}

async function runTo(runner: TaskRunner, lsn: bigint): Promise<void> {
  const done = new AbortController();
  const watch = setInterval(() => {
    if (runner.task.position.frontier >= lsn) done.abort();
  }, 5);
  await runner.run(done.signal);
  clearInterval(watch);
}

/** A task that runs until the process is ended; a line about its memory at each `everyMs`, the first when it runs. */
export async function serve(place: Place, everyMs: number): Promise<never> {
  const bench = await openBench();
  const runner = await openTask(bench, kafka(place), place.prefix, place.partition, place.partitions);
  const tell = (): void => {
    const { rss, heapUsed, external } = process.memoryUsage();
    const { frontier } = runner.task.position;
    process.stdout.write(`${JSON.stringify({ rss, heapUsed, external, frontier: String(frontier) })}\n`);
  };
  tell();
  setInterval(tell, everyMs);
  await runner.run(new AbortController().signal);
  throw new Error('the task ended');
}

const WARM_UP_SECONDS = 3;

/** `perSecond` rows a second for a while; from the acknowledgement of a row until its entry is read, ms. The task is served elsewhere. */
export async function hop(place: Place, perSecond: number, seconds: number) {
  const { rows } = await openBench();
  const log = kafka(place);
  const source = await sourceOf(place, log);
  const reader = log.createReader();
  const output = { topic: `${place.prefix}views.inventory`, partition: 0 };
  reader.assign([{ ...output, offset: 0n }]);
  const acknowledgedMs: number[] = [];
  const taken: number[] = [];
  const sentMs: number[] = [];
  const sinceSent: number[] = [];
  const stop = new AbortController();
  /** Below 0: of the backlog. */
  let seen = -place.records;
  const warm = perSecond * WARM_UP_SECONDS;
  let caughtUp = (): void => undefined;
  const backlogDone = new Promise<void>((resolve) => (caughtUp = resolve));
  if (seen === 0) caughtUp();
  const note = (at: number, nowMs: number): void => {
    if (at < warm) return;
    // An entry may be here before its row's acknowledgement is: then it took no time, and how long since the sending says more.
    taken.push(Math.max(0, nowMs - (acknowledgedMs[at] ?? nowMs)));
    sinceSent.push(nowMs - (sentMs[at] ?? nowMs));
  };
  const reading = (async () => {
    while (!stop.signal.aborted) {
      for (const batch of await reader.poll(200, stop.signal)) {
        const nowMs = performance.now();
        // One entry for each row, in the rows' order.
        for (const { key } of batch.records) {
          if (key === null || key[0] === 0x5f) continue;
          note(seen++, nowMs);
          if (seen === 0) caughtUp();
        }
      }
    }
  })();
  // Else the task's entries of the backlog would count as those of the rows.
  await Promise.race([backlogDone, reading]);
  const first = place.records;
  const total = perSecond * (seconds + WARM_UP_SECONDS);
  await sendPaced({ source, topic: topic(place), rows, first, total, perSecond }, (from, due, appended) => {
    sentMs.length = due;
    sentMs.fill(performance.now(), from, due);
    return appended.then(() => {
      acknowledgedMs.length = Math.max(acknowledgedMs.length, due);
      acknowledgedMs.fill(performance.now(), from, due);
    });
  });
  const deadlineMs = performance.now() + 30_000;
  while (seen < total && performance.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 20));
  stop.abort();
  await reading;
  await log.close();
  return {
    rows: total - warm,
    missing: total - seen,
    p50: percentile(taken, 0.5),
    p99: percentile(taken, 0.99),
    max: percentile(taken, 1),
    p50SinceSent: percentile(sinceSent, 0.5),
    p99SinceSent: percentile(sinceSent, 0.99),
  };
}

export function percentile(values: number[], share: number): number {
  values.sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.POSITIVE_INFINITY;
}

/** `perSecond` commits a second for a while; the position of the last. The task is served elsewhere. */
export async function load(place: Place, perSecond: number, seconds: number) {
  const { rows } = await openBench();
  const log = kafka(place);
  const source = await sourceOf(place, log);
  const total = perSecond * seconds;
  const first = place.records;
  await sendPaced({ source, topic: topic(place), rows, first, total, perSecond }, (_from, _due, appended) => appended);
  await log.close();
  return { commits: total, lsn: String(rows.lsn(first + total - 1)) };
}

export async function clear(place: Place) {
  const log = kafka(place);
  await log.admin.deleteTopics(topicSpecs(place.prefix, place.partitions).map((spec) => spec.topic));
  await log.close();
  return {};
}
