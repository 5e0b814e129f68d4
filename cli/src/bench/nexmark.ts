import { PlatformError } from '@millrace/kernel/errors';
import { programOutput } from '../child-program.ts';
import type { CliConfig } from '../config/index.ts';
import type { BenchOptions, BenchReport } from './report.ts';

/** Events a second and core of Flink 1.13, published for its own suite; where it is not known, null. */
const queries: Readonly<Record<string, number | null>> = {
  q1: 158_000,
  q2: 175_000,
  q3: 152_000,
  q4: 34_000,
  q5: 22_000,
  q7: null,
  q8: null,
  q9: 14_000,
  q17: 117_000,
  q18: 54_000,
};

interface Run {
  readonly events: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly entries: number;
  readonly stateKeys: number;
  readonly rssBytes: number;
}

/**
 * `millrace bench nexmark`: the queries of Nexmark in one process without engines, each event a commit of its own, on the public generator's events;
 * events per CPU-second, decoding and log left out. There is no bar; that the answers are right is tested. `--only q4,q9`, `--rows` events.
 */
export async function benchNexmark(
  _config: CliConfig,
  { rows = 500_000, only, note }: BenchOptions,
): Promise<BenchReport> {
  const chosen = only?.split(',') ?? Object.keys(queries);
  const facts: Record<string, unknown> = { 'events of each query': rows };
  for (const query of chosen) {
    if (!(query in queries)) {
      throw new PlatformError('config-invalid', `no query ${query}: there are ${Object.keys(queries).join(', ')}`);
    }
    const run = await ofQuery(query, rows);
    const rival = queries[query];
    const perCore = Math.round(run.events / run.cpuSeconds);
    facts[query] = {
      'events/s per core': perCore,
      ...(rival === null ? {} : { 'Flink 1.13, per core': rival }),
      entries: run.entries,
      'state keys': run.stateKeys,
      'resident MB': Math.round(run.rssBytes / 1e6),
    };
    note(`${query}: ${perCore} events/s per core`);
  }
  return { name: 'nexmark', bars: [], facts };
}

async function ofQuery(query: string, events: number): Promise<Run> {
  const env = { QUERY: query, EVENTS: String(events) };
  return JSON.parse(await programOutput('stream-processors', 'bench/nexmark-main.js', env)) as Run;
}
