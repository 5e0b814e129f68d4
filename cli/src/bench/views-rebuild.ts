import { setTimeout as sleep } from 'node:timers/promises';
import type { CliConfig } from '../config/index.ts';
import { openGenerationRows, rebuild } from '../generations/index.ts';
import { openStoreClients, readLag } from '../lag/index.ts';
import type { StoreClients } from '../lag/index.ts';
import { traffic } from '../shop/index.ts';
import { readCatalog } from './catalog-readers.ts';
import { Latencies } from './latency.ts';
import { atMost } from './report.ts';
import type { Bar, BenchOptions } from './report.ts';

const TPS = 200;
const READS = 500;
/** Measured for so long before the rebuild begins, after traffic has begun. */
const BEFORE_MS = 30_000;
const BEGIN_MS = 5_000;
const LOOK_MS = 200;
const WAIT_MS = 300_000;

/**
 * A rebuild of the catalog of the running platform, under commits by plain SQL (`--tps`) and reads over the API: no read may fail or see half a view, and
 * the oldest live view of the catalog in any store may not be older than twice what it was before, at the 99th percentile. Load the shop first: the bar is for
 * 100,000 products and 1,000,000 orders. The former generation is dropped at the end.
 */
export async function benchRebuild(
  config: CliConfig,
  options: BenchOptions,
): Promise<{ bars: Bar[]; facts: Record<string, unknown> }> {
  const stop = new AbortController();
  const { signal } = stop;
  const clients = await openStoreClients(config);
  const rows = await openGenerationRows(config.databaseUrl);
  const busy = traffic({ tps: options.tps ?? TPS, databaseUrl: config.databaseUrl, share: 1, signal });
  const reading = readCatalog(config.apiUrl, READS, signal);
  // Met where it is awaited.
  reading.catch(() => undefined);
  try {
    await sleep(BEGIN_MS);
    const before = await agesWhile(clients, config, sleep(BEFORE_MS));
    const work = rebuild(
      { rows, clients, config },
      { view: 'catalog', from: 'views', rate: null, waitMs: WAIT_MS, note: options.note },
    );
    const during = await agesWhile(clients, config, work);
    const report = await work;
    stop.abort();
    const [{ reads, failed, halfFilled }, { done }] = await Promise.all([reading, busy]);
    if (report.switched) await rows.dropPrevious('catalog');
    const differing = report.verified.reduce((sum, one) => sum + one.missing + one.extra + one.different, 0);
    return {
      bars: [
        atMost(`rebuild, failed of ${reads} reads`, failed, 0, ''),
        atMost('rebuild, answers of half a view', halfFilled, 0, ''),
        atMost('rebuild, differences of the new generation', differing, 0, ''),
        atMost('rebuild, live freshness p99', during.percentile(99), 2 * before.percentile(99), 'ms'),
      ],
      facts: {
        'rebuild, filled s': report.filledMs / 1000,
        'rebuild, verified s': report.verifiedMs / 1000,
        'rebuild, readers switched ms after the commit': report.switchMs,
        'rebuild, commits meanwhile': done,
      },
    };
  } finally {
    stop.abort();
    await Promise.allSettled([busy, reading]);
    await rows.close();
    await clients.close();
  }
}

/** The greatest age of the live catalog in any store and partition, looked at until the work is over. */
async function agesWhile(clients: StoreClients, config: CliConfig, work: Promise<unknown>): Promise<Latencies> {
  const ages = new Latencies();
  const over = new AbortController();
  const end = (): void => over.abort();
  work.then(end, end);
  while (!over.signal.aborted) {
    const lags = (await readLag(clients, config, Date.now())).filter(({ view }) => view === 'catalog');
    ages.add(Math.max(...lags.map(({ ageMs }) => ageMs ?? Infinity)));
    await sleep(LOOK_MS);
  }
  return ages;
}
