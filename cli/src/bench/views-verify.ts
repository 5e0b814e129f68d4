import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { environment } from '@millrace/kernel/config';
import { childOutput } from '../child-program.ts';
import type { CliConfig } from '../config/index.ts';
import { openStoreClients } from '../lag/index.ts';
import { plantDifferences } from '../planting/index.ts';
import type { Planted } from '../planting/index.ts';
import { traffic } from '../shop/index.ts';
import { openStoreViews } from '../verify/index.ts';
import type { ViewReport } from '../verify/index.ts';
import { EXIT } from '../output.ts';
import { atLeast, atMost } from './report.ts';
import type { Bar, BenchOptions } from './report.ts';

const MOST_SECONDS = 60;
const MOST_MEGABYTES = 300;
const PLANTED = 500;
const TPS = 200;
/** Traffic is at its rate before anything is measured. */
const BEGIN_MS = 5_000;

/** What `millrace verify --json` says. */
interface Told {
  readonly views: readonly ViewReport[];
  readonly took: { readonly seconds: number; readonly cpuSeconds: number; readonly megabytes: number };
}

/**
 * `millrace verify`, as an operator gives it, of every view of the running platform: time and memory under traffic by plain SQL (`--tps`), in which nothing
 * may be found; then with differences planted in every view of every store, each of which must be found and, by `--repair`, mended. Load the
 * shop first: the bars are for 100,000 products and 1,000,000 orders.
 */
export async function benchVerify(
  config: CliConfig,
  options: BenchOptions,
): Promise<{ bars: Bar[]; facts: Record<string, unknown> }> {
  const stop = new AbortController();
  const busy = traffic({ tps: options.tps ?? TPS, databaseUrl: config.databaseUrl, share: 1, signal: stop.signal });
  let clean: Told;
  try {
    await sleep(BEGIN_MS);
    clean = await verify(options, []);
  } finally {
    stop.abort();
  }
  const { done } = await busy;
  const planted = await plant(config);
  options.note(`planted ${planted.length} differences`);
  const found = await verify(options, ['--listed', '10000']);
  const repaired = await verify(options, ['--repair']);
  const wrong = found.views.flatMap(({ view, store, differences }) =>
    differences.map(({ key, kind }) => `${view}@${store}: ${kind} ${key}`),
  );
  const wanted = new Set(planted.map(({ view, store, kind, key }) => `${view}@${store}: ${kind} ${key}`));
  const invented = wrong.filter((one) => !wanted.has(one)).length;
  const missed = [...wanted].filter((one) => !wrong.includes(one));
  for (const one of missed.slice(0, 10)) options.note(`not found: ${one}`);
  const { checked, differing, unsettled } = totals(clean);
  return {
    bars: [
      atMost('verify of every view in every store', clean.took.seconds, MOST_SECONDS, 's'),
      atMost('verify, memory', clean.took.megabytes, MOST_MEGABYTES, 'MB'),
      atMost('verify, false differences', differing + invented, 0, ''),
      atLeast(`verify, found of ${planted.length} planted`, planted.length - missed.length, planted.length, ''),
      atMost('verify --repair, left', totals(repaired).differing, 0, ''),
    ],
    facts: {
      'verify, documents compared': checked,
      'verify, unsettled': unsettled,
      'verify, commits meanwhile': done,
      'verify, CPU-s of its own': clean.took.cpuSeconds,
      'verify of planted differences, s': found.took.seconds,
      'verify --repair, s': repaired.took.seconds,
    },
  };
}

async function verify({ note }: BenchOptions, options: readonly string[]): Promise<Told> {
  const program = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url));
  const given = Object.entries(environment()).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const args = [program, 'verify', '--json', ...options];
  const wellEnded = [EXIT.done, EXIT.difference];
  const output = await childOutput(process.execPath, args, Object.fromEntries(given), 'millrace verify', wellEnded);
  const told = JSON.parse(output) as Told;
  const { checked, differing } = totals(told);
  const { seconds, megabytes } = told.took;
  note(`verify ${options.join(' ')}: ${checked} documents in ${seconds} s, ${megabytes} MB, ${differing} differ`);
  return told;
}

async function plant(config: CliConfig): Promise<Planted[]> {
  const clients = await openStoreClients(config);
  const stores = await openStoreViews(config);
  try {
    return await plantDifferences(clients, config, stores.views, PLANTED);
  } finally {
    await stores.close();
    await clients.close();
  }
}

function totals({ views }: Told): { checked: number; differing: number; unsettled: number } {
  const sum = (of: (report: ViewReport) => number): number => views.reduce((all, report) => all + of(report), 0);
  return {
    checked: sum(({ checked }) => checked),
    differing: sum(({ missing, extra, different }) => missing + extra + different),
    unsettled: sum(({ unsettled }) => unsettled),
  };
}
