import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlatformError } from '@millrace/kernel/errors';
import type { CliConfig } from '../config/index.ts';
import { part, started } from './processing-part.ts';
import type { PartEnvironment } from './processing-part.ts';
import { atLeast, atMost } from './report.ts';
import type { Bar, BenchOptions, BenchReport } from './report.ts';

interface Work {
  readonly beganMs: number;
  readonly endedMs: number;
  readonly cpuSeconds: number;
  readonly restored: number;
  readonly restoreMs: number;
  readonly startMs: number;
  readonly residentBytes: number;
}

interface Hop {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly p50SinceSent: number;
  readonly p99SinceSent: number;
  readonly missing: number;
}

const RECORDS = 2_000_000;
/** Backlog of the part that is about one hop, so that its state is not empty. */
const HOP_RECORDS = 100_000;
const HOP_PER_SECOND = 10_000;
const SNAPSHOT_KEYS = 1_000_000;
/** Products that one rule re-prices, while so many others a second get another list price. */
const REPRICED = 100_000;
const LIST_PRICES_PER_SECOND = 200;

/**
 * The runtime of the stream processors against its bars: alone, on a backlog in Kafka with two tasks in two processes, restoring what they wrote, a
 * million keys from a snapshot, one hop at a steady rate, and live prices while a rule re-prices 100,000 products. Topics of its own, removed afterwards.
 */
export async function benchProcessing(config: CliConfig, options: BenchOptions): Promise<BenchReport> {
  const { note, seconds = 10, rows: records = RECORDS } = options;
  const chosen = options.only?.split(',').map((part) => part.trim());
  const wanted = (part: string): boolean => chosen?.includes(part) ?? true;
  const bars: Bar[] = [];
  const facts: Record<string, unknown> = {};
  const place = {
    KAFKA_BROKERS: config.kafkaBrokers.join(','),
    PREFIX: `bench-${randomBytes(4).toString('hex')}.`,
    RECORDS: String(records),
  };
  facts['load at the start'] = loadavg()[0]?.toFixed(2);
  if (wanted('runtime')) bars.push(await runtimeAlone(records, note));
  if (wanted('spill')) await spilled(records, note, facts);
  if (wanted('snapshot')) bars.push(...(await snapshot(note, facts)));
  if (wanted('backlog')) {
    const env = { ...place, PARTITIONS: '2' };
    try {
      bars.push(...(await backlog(env, records, note, facts)));
    } finally {
      await part({ ...env, PART: 'clear' });
    }
  }
  if (wanted('hop')) {
    const env = { ...place, PREFIX: `${place.PREFIX}hop.`, RECORDS: String(HOP_RECORDS), PARTITIONS: '1' };
    try {
      bars.push(...(await hop(env, seconds, note, facts)));
    } finally {
      await part({ ...env, PART: 'clear' });
    }
  }
  if (wanted('reprice')) {
    const env = { ...place, PREFIX: `${place.PREFIX}shop.`, RECORDS: String(REPRICED), PARTITIONS: '1' };
    try {
      bars.push(await reprice(env, seconds, note, facts));
    } finally {
      await part({ ...env, PART: 'clear' });
    }
  }
  facts['load at the end'] = loadavg()[0]?.toFixed(2);
  return { name: 'processing', bars, facts };
}

type Note = (text: string) => void;

async function runtimeAlone(records: number, note: Note): Promise<Bar> {
  note(`the runtime alone, ${records} records`);
  const { cpuSeconds } = await part<{ cpuSeconds: number }>({ PART: 'runtime', RECORDS: String(records) });
  return atLeast('runtime alone, per core', records / cpuSeconds, 300_000, 'records/s');
}

/** What it costs to hold a tenth of the values in memory where all are asked for alike: the worst case. */
async function spilled(records: number, note: Note, facts: Record<string, unknown>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-spill-'));
  try {
    note(`the runtime alone, ${records} records, all its state in memory and a tenth of it`);
    const env = { RECORDS: String(records), STATE_DIR: folder };
    const whole = await part<{ cpuSeconds: number }>({ ...env, PART: 'runtime' });
    const tenth = await part<{ cpuSeconds: number }>({ ...env, PART: 'spill' });
    facts['CPU with a tenth of the state in memory, times that with all of it'] = (
      tenth.cpuSeconds / whole.cpuSeconds
    ).toFixed(2);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function snapshot(note: Note, facts: Record<string, unknown>): Promise<Bar[]> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-state-'));
  const env = { RECORDS: String(SNAPSHOT_KEYS), STATE_DIR: folder };
  try {
    note(`a snapshot of ${SNAPSHOT_KEYS} keys`);
    const taken = await part<{ cpuMs: number; longestPauseMs: number }>({ ...env, PART: 'take-snapshot' });
    const opened = await part<{ tookMs: number; residentBytes: number }>({ ...env, PART: 'open-snapshot' });
    facts['CPU of writing a snapshot of 1M keys (ms)'] = Math.round(taken.cpuMs);
    facts['longest pause while it is written (ms)'] = taken.longestPauseMs;
    facts['resident bytes with 1M keys from a snapshot'] = opened.residentBytes;
    return [atMost('1M keys from a snapshot', opened.tookMs / 1000, 1, 's')];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function backlog(
  env: PartEnvironment,
  records: number,
  note: Note,
  facts: Record<string, unknown>,
): Promise<Bar[]> {
  note(`writing a backlog of ${records} records`);
  await part({ ...env, PART: 'fill' });
  const both = (): Promise<Work[]> =>
    Promise.all(['0', '1'].map((PARTITION) => part<Work>({ ...env, PART: 'work', PARTITION })));
  note('two tasks work it off, a process each');
  const first = await both();
  const tookMs = Math.max(...first.map(({ endedMs }) => endedMs)) - Math.min(...first.map(({ beganMs }) => beganMs));
  const cpu = first.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  note('both are started again, on what they wrote');
  const again = await both();
  const restored = again.reduce((sum, work) => sum + work.restored, 0);
  const restoreMs = Math.max(...again.map((work) => work.restoreMs));
  facts['resident bytes of a task with 200k keys'] = Math.max(...first.map(({ residentBytes }) => residentBytes));
  facts['changelog records restored'] = restored;
  return [
    atMost('backlog, CPU', (cpu / records) * 1e6, 4.6, 's per 1M'),
    atLeast('backlog, two tasks', records / (tookMs / 1000), 200_000, 'records/s'),
    atLeast('restore, two tasks', restored / (restoreMs / 1000), 800_000, 'records/s'),
    atMost('processing again after a clean stop', Math.max(...again.map(({ startMs }) => startMs)) / 1000, 3, 's'),
  ];
}

async function hop(env: PartEnvironment, seconds: number, note: Note, facts: Record<string, unknown>): Promise<Bar[]> {
  note(`one hop at ${HOP_PER_SECOND} records/s`);
  await part({ ...env, PART: 'fill' });
  const { child, first } = started({ ...env, PART: 'serve' });
  try {
    await first;
    const load = { PART: 'hop', SECONDS: String(seconds), PER_SECOND: String(HOP_PER_SECOND) };
    const taken = await part<Hop>({ ...env, ...load });
    facts['hop, longest (ms)'] = taken.max;
    facts['hop since the sending, p50 and p99 (ms)'] = [taken.p50SinceSent, taken.p99SinceSent];
    if (taken.missing > 0) throw new PlatformError('internal', `${taken.missing} records never came out`);
    return [atMost('hop p50', taken.p50, 3, 'ms'), atMost('hop p99', taken.p99, 15, 'ms')];
  } finally {
    child.kill('SIGKILL');
  }
}

interface Taken {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

interface Repriced {
  readonly missing: number;
  readonly repriced: number;
  readonly repricedMs: number | null;
  readonly alone: Taken;
  readonly beside: Taken;
}

/** The limit of the same run: all products priced at once, from nothing, by the same task. */
async function reprice(
  env: PartEnvironment,
  seconds: number,
  note: Note,
  facts: Record<string, unknown>,
): Promise<Bar> {
  note(`${REPRICED} products are priced`);
  await part({ ...env, PART: 'fill-shop' });
  const { child, first } = started({ ...env, PART: 'serve-shop' });
  try {
    const { firstMs } = JSON.parse(await first) as { firstMs: number };
    note(`a rule re-prices them, beside ${LIST_PRICES_PER_SECOND} list prices a second`);
    const load = { PART: 'reprice', SECONDS: String(seconds), PER_SECOND: String(LIST_PRICES_PER_SECOND) };
    const { missing, repriced, repricedMs, alone, beside } = await part<Repriced>({ ...env, ...load });
    if (repriced < REPRICED)
      throw new PlatformError('internal', `${REPRICED - repriced} products never got their price`);
    if (missing > 0) throw new PlatformError('internal', `${missing} list prices never came out`);
    facts['all products priced from nothing (s)'] = (firstMs / 1000).toFixed(1);
    facts['all products re-priced by a rule (s)'] = ((repricedMs ?? Infinity) / 1000).toFixed(1);
    facts['live prices alone, p50 and p99 (ms)'] = [alone.p50, alone.p99];
    facts['live prices meanwhile, p50, p99 and longest (ms)'] = [beside.p50, beside.p99, beside.max];
    return atMost('live prices while 100,000 are re-priced, p99', beside.p99, 100, 'ms');
  } finally {
    child.kill('SIGKILL');
  }
}
