import { randomBytes } from 'node:crypto';
import { PlatformError } from '@millrace/kernel/errors';
import type { CliConfig } from '../config/index.ts';
import { part, started } from './processing-part.ts';
import { atMost, median } from './report.ts';
import type { BenchOptions, BenchReport } from './report.ts';

/** What a task says of its process, every few seconds. */
interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  /** Buffers outside the heap. */
  readonly external: number;
  readonly frontier: string;
}

const BACKLOG = 200_000;
const SECONDS = 3_600;
const PER_SECOND = 2_000;
const MEMORY_SECONDS = 5;
/** Of the whole, before memory counts: state fills, code is compiled, the heap finds its size. */
const WARM_UP = 1 / 6;
const MOST_GROWTH_PERCENT = 5;

/**
 * A task under a steady load for an hour: does its process grow? Resident memory of the last tenth beside that of the first tenth after the
 * warm-up, medians both, since a heap breathes. Topics of its own, removed afterwards.
 */
export async function benchSoak(config: CliConfig, options: BenchOptions): Promise<BenchReport> {
  const { note, seconds = SECONDS, tps = PER_SECOND } = options;
  const env = {
    KAFKA_BROKERS: config.kafkaBrokers.join(','),
    PREFIX: `soak-${randomBytes(4).toString('hex')}.`,
    RECORDS: String(BACKLOG),
    PARTITIONS: '1',
  };
  const seen: Memory[] = [];
  try {
    await part({ ...env, PART: 'fill' });
    const task = started({ ...env, PART: 'serve', MEMORY_SECONDS: String(MEMORY_SECONDS) }, (line) =>
      seen.push(JSON.parse(line) as Memory),
    );
    try {
      await task.first;
      note(`${tps} commits/s for ${seconds} s`);
      const timed = { SECONDS: String(seconds), PER_SECOND: String(tps) };
      const { lsn } = await part<{ lsn: string }>({ ...env, ...timed, PART: 'load' });
      const last = seen.at(-1);
      if (last === undefined || behind(last, lsn) > tps * 2 * MEMORY_SECONDS)
        throw new PlatformError('internal', `the task did not keep up: it is at ${last?.frontier}, the load at ${lsn}`);
    } finally {
      task.child.kill('SIGKILL');
    }
    return report(seen, seconds, tps);
  } finally {
    await part({ ...env, PART: 'clear' });
  }
}

/** Two positions to a commit, so that a watermark has one of its own. */
const behind = ({ frontier }: Memory, lsn: string): number => Number(BigInt(lsn) - BigInt(frontier)) / 2;

function report(seen: readonly Memory[], seconds: number, tps: number): BenchReport {
  const warm = seen.slice(Math.floor(seen.length * WARM_UP));
  const tenth = Math.max(1, Math.floor(warm.length / 10));
  const of = (which: readonly Memory[], what: 'rss' | 'heapUsed' | 'external') => median(which.map((m) => m[what]));
  const from = warm.slice(0, tenth);
  const to = warm.slice(-tenth);
  const growth = (of(to, 'rss') / of(from, 'rss') - 1) * 100;
  return {
    name: 'soak',
    bars: [atMost('growth of resident memory after the warm-up', growth, MOST_GROWTH_PERCENT, '%')],
    facts: {
      'seconds, commits a second': [seconds, tps],
      'resident bytes after the warm-up and at the end': [of(from, 'rss'), of(to, 'rss')],
      'heap bytes after the warm-up and at the end': [of(from, 'heapUsed'), of(to, 'heapUsed')],
      'bytes outside the heap after the warm-up and at the end': [of(from, 'external'), of(to, 'external')],
      'most resident bytes': Math.max(...seen.map(({ rss }) => rss)),
    },
  };
}
