import { randomBytes } from 'node:crypto';
import { openPlace } from '../chaos/place.ts';
import type { ChaosPlace } from '../chaos/place.ts';
import type { CliConfig } from '../config/index.ts';
import { readings } from './capture-decode.ts';
import { catchUp, largeTransaction, latencies, retainedAfter, snapshot, standingSlot } from './capture-kafka.ts';
import type { Passage } from './capture-kafka.ts';
import { BenchedProducer, insertRows, query } from './capture-place.ts';
import type { Latencies } from './latency.ts';
import { atLeast, atMost, median } from './report.ts';
import type { Bar, BenchOptions, BenchReport } from './report.ts';

const MB = 1_048_576;
const LARGE = 10_000_000;

/** What `--only` may name. */
const parts = ['decode', 'catch-up', 'snapshot', 'latency', 'large', 'retained'] as const;

interface Found {
  readonly bars: Bar[];
  readonly facts: Record<string, unknown>;
}

/**
 * `millrace bench capture`: the capture as it is deployed, on a database, slot and topics of its own on the running engines, removed afterwards.
 * Medians of `--runs` runs (3), `--rows` rows of about 245 bytes (1,000,000); a limit is taken in the same run. `--large` sets the rows of
 * the one transaction and the one snapshot that are about memory (10,000,000: needs about 15 GB of disk and several minutes).
 */
export async function benchCapture(config: CliConfig, options: BenchOptions): Promise<BenchReport> {
  const only = options.only?.split(',') ?? parts;
  const found: Found = { bars: [], facts: {} };
  const measure: Record<(typeof parts)[number], typeof decodePart> = {
    decode: decodePart,
    'catch-up': catchUpPart,
    snapshot: snapshotPart,
    latency: latencyPart,
    large: largePart,
    retained: retainedPart,
  };
  for (const part of parts) {
    if (!only.includes(part)) continue;
    options.note(`${part}:`);
    const place = await openPlace(config, `millrace_bench_${randomBytes(4).toString('hex')}`);
    try {
      await measure[part](place, options, found);
    } finally {
      await place.close();
    }
  }
  return { name: 'capture', bars: found.bars, facts: found.facts };
}

async function decodePart(place: ChaosPlace, options: BenchOptions, { bars, facts }: Found): Promise<void> {
  const taken = await readings(place.databaseUrl, options.rows ?? 1_000_000, runs(options), options.note);
  for (const format of ['text', 'binary'] as const) {
    const { limit, ours } = taken[format];
    const perSecond = median(ours.map((reading) => reading.perSecond));
    const limitPerSecond = median(limit.map((reading) => reading.perSecond));
    const cpu = median(ours.map((reading) => reading.cpuSecondsPerMillion));
    const name = `decode and encode (${format})`;
    bars.push(atLeast(`${name}, beside ${taken.limitName}`, perSecond / limitPerSecond, 0.9, '×'));
    bars.push(atLeast(name, perSecond, 100_000, 'rows/s'));
    bars.push(atMost(`${name}, CPU`, cpu, 4, 's per 1M rows'));
    facts[`${taken.limitName} (${format}), rows/s`] = Math.round(limitPerSecond);
  }
}

async function catchUpPart(place: ChaosPlace, options: BenchOptions, { bars }: Found): Promise<void> {
  const rows = options.rows ?? 1_000_000;
  await standingSlot(place.environment);
  const passages: Passage[] = [];
  for (let run = 0; run < runs(options); run++) {
    const passage = await catchUp(place.environment, place.databaseUrl, run * rows + 1, (run + 1) * rows);
    options.note(`run ${run + 1}: ${shown(passage)}`);
    passages.push(passage);
  }
  bars.push(atLeast('catch-up into Kafka', of(passages, 'perSecond'), 100_000, 'rows/s'));
  bars.push(atMost('catch-up into Kafka, CPU', of(passages, 'cpuSecondsPerMillion'), 6, 's per 1M rows'));
  bars.push(atMost('catch-up into Kafka, resident at most', of(passages, 'peakBytes') / MB, 300, 'MB'));
}

async function snapshotPart(place: ChaosPlace, options: BenchOptions, { bars, facts }: Found): Promise<void> {
  const rows = options.rows ?? 1_000_000;
  await insertRows(place.databaseUrl, 1, rows, 10_000);
  await query(place.databaseUrl, 'vacuum analyze commerce.customers');
  const passages: Passage[] = [];
  for (let run = 1; run <= runs(options); run++) {
    const passage = await snapshot(anew(place, run), rows);
    options.note(`run ${run}: ${shown(passage)}`);
    passages.push(passage);
  }
  bars.push(atLeast('snapshot into Kafka', of(passages, 'perSecond'), 100_000, 'rows/s'));
  facts['snapshot, CPU-s per 1M rows'] = of(passages, 'cpuSecondsPerMillion');
}

async function latencyPart(place: ChaosPlace, options: BenchOptions, { bars, facts }: Found): Promise<void> {
  const producer = await BenchedProducer.start(place.environment);
  try {
    await producer.said('streaming');
    for (const perSecond of [500, 1_000]) {
      const taken: Latencies[] = [];
      for (let run = 1; run <= runs(options); run++) {
        taken.push(await latencies(place, perSecond, options.seconds ?? 15));
        const [p50, p99] = [50, 99].map((p) => taken.at(-1)?.percentile(p).toFixed(2));
        options.note(`${perSecond}/s, run ${run}: p50 ${p50} ms, p99 ${p99} ms`);
      }
      const p = (percent: number): number => median(taken.map((run) => run.percentile(percent)));
      bars.push(atMost(`commit → Kafka consumer at ${perSecond}/s, p50`, p(50), 1.5, 'ms'));
      bars.push(atMost(`commit → Kafka consumer at ${perSecond}/s, p99`, p(99), 8, 'ms'));
      facts[`commit → Kafka consumer at ${perSecond}/s, p99.9, ms`] = p(99.9);
    }
  } finally {
    await producer.stop();
  }
}

async function largePart(place: ChaosPlace, options: BenchOptions, { bars, facts }: Found): Promise<void> {
  const rows = options.large ?? LARGE;
  await standingSlot(place.environment);
  const passage = await largeTransaction(place.environment, place.databaseUrl, 1, rows);
  options.note(`transaction of ${rows}: written in ${passage.writtenSeconds.toFixed(0)} s, then ${shown(passage)}`);
  bars.push(atMost(`transaction of ${rows} rows, resident at most`, passage.peakBytes / MB, 400, 'MB'));
  facts[`transaction of ${rows} rows, rows/s after its commit`] = Math.round(passage.perSecond);
  const copied = await snapshot(anew(place, 1), rows);
  options.note(`snapshot of ${rows}: ${shown(copied)}`);
  bars.push(atMost(`snapshot of ${rows} rows, resident at most`, copied.peakBytes / MB, 400, 'MB'));
  facts[`snapshot of ${rows} rows, rows/s`] = Math.round(copied.perSecond);
}

async function retainedPart(place: ChaosPlace, options: BenchOptions, { bars }: Found): Promise<void> {
  const bytes = await retainedAfter(place.environment, place.databaseUrl, place.slotName, 1_024 * MB);
  options.note(`the slot holds ${(bytes / MB).toFixed(1)} MB`);
  bars.push(atMost('retained 30 s after 1 GB of unpublished writes', bytes / MB, 64, 'MB'));
}

/** The same database into topics and by a slot of its own. */
function anew(place: ChaosPlace, run: number): Readonly<Record<string, string>> {
  return { ...place.environment, TOPIC_PREFIX: `${place.topicPrefix}${run}.`, SLOT_NAME: `${place.slotName}_${run}` };
}

const runs = (options: BenchOptions): number => options.runs ?? 3;
const of = (passages: readonly Passage[], key: keyof Passage): number =>
  median(passages.map((passage) => passage[key]));
const shown = ({ perSecond, cpuSecondsPerMillion, peakBytes }: Passage): string =>
  `${Math.round(perSecond)} rows/s, ${cpuSecondsPerMillion.toFixed(2)} CPU-s per 1M, ${(peakBytes / MB).toFixed(0)} MB at most`;
