import { randomBytes } from 'node:crypto';
import { programOutput } from '../child-program.ts';
import type { CliConfig } from '../config/index.ts';
import { clearStores } from '../lag/index.ts';
import type { StoreName } from '../lag/index.ts';
import { atLeast, median } from './report.ts';
import type { Bar, BenchOptions, BenchReport } from './report.ts';
import { benchRebuild } from './views-rebuild.ts';
import { benchVerify } from './views-verify.ts';
import { benchVisible } from './views-visible.ts';

interface Drained {
  readonly entries: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Documents a second of a bare `_bulk` loader; null for other stores. */
  readonly bare: number | null;
}

/** What each store is given, and the least entries a second; for the search index a part of what a bare loader does in the same run. */
const backlogs: readonly { store: StoreName; kind: string; entries: number; bar: number | null }[] = [
  { store: 'redis', kind: 'stock', entries: 300_000, bar: 100_000 },
  { store: 'clickhouse', kind: 'movement', entries: 300_000, bar: 80_000 },
  { store: 'elasticsearch', kind: 'product', entries: 50_000, bar: null },
];
const BARE_SHARE = 0.8;

/**
 * `millrace bench views`: how fast each sink, as it is deployed, applies a backlog of its view's topic, from the log to the store's own mark past
 * the end. Topics, keys, index and database of its own on the running engines, removed afterwards. Medians of `--runs` runs (3); `--rows`
 * sets the entries of each backlog. Then, of the platform that runs, commit → visible (`views-visible.ts`), a rebuild (`views-rebuild.ts`)
 * and verify (`views-verify.ts`).
 * `--only redis,clickhouse,elasticsearch,visible,rebuild,verify` takes some of the parts.
 */
export async function benchViews(config: CliConfig, options: BenchOptions): Promise<BenchReport> {
  const only = options.only?.split(',');
  const bars: Bar[] = [];
  const facts: Record<string, unknown> = {};
  for (const { store, kind, entries, bar } of backlogs) {
    if (only !== undefined && !only.includes(store)) continue;
    const runs: Drained[] = [];
    for (let run = 1; run <= (options.runs ?? 3); run++) {
      const drained = await drain(config, store, kind, options.rows ?? entries);
      runs.push(drained);
      options.note(
        `${store}, run ${run}: ${Math.round(drained.entries / drained.seconds)} entries/s, ${perMillion(drained).toFixed(1)} CPU-s per 1M${drained.bare === null ? '' : `, bare loader ${Math.round(drained.bare)}/s`}`,
      );
    }
    const rate = median(runs.map((run) => run.entries / run.seconds));
    if (bar !== null) bars.push(atLeast(`${store}, backlog of ${kind} entries`, rate, bar, 'entries/s'));
    else {
      const share = median(runs.map((run) => run.entries / run.seconds / (run.bare ?? Infinity)));
      bars.push(atLeast(`${store}, backlog of ${kind} entries, beside a bare loader`, share, BARE_SHARE, '×'));
      facts[`${store}, entries/s`] = Math.round(rate);
    }
    facts[`${store}, CPU-s per 1M entries in our process`] = Number(median(runs.map(perMillion)).toFixed(1));
  }
  for (const [name, part] of Object.entries({ visible: benchVisible, rebuild: benchRebuild, verify: benchVerify })) {
    if (only !== undefined && !only.includes(name)) continue;
    const measured = await part(config, options);
    bars.push(...measured.bars);
    Object.assign(facts, measured.facts);
  }
  return { name: 'views', bars, facts };
}

const perMillion = ({ cpuSeconds, entries }: Drained): number => (cpuSeconds / entries) * 1e6;

async function drain(config: CliConfig, store: StoreName, kind: string, entries: number): Promise<Drained> {
  const name = `bench${randomBytes(4).toString('hex')}`;
  const names = {
    TOPIC_PREFIX: `${name}.`,
    REDIS_KEY_PREFIX: `${name}:`,
    SEARCH_INDEX_PREFIX: `${name}-`,
    CLICKHOUSE_DATABASE: name,
  };
  try {
    return JSON.parse(
      await programOutput('sinks', 'bench/backlog-main.js', {
        ...names,
        KAFKA_BROKERS: config.kafkaBrokers.join(','),
        SCHEMA_REGISTRY_URL: config.schemaRegistryUrl,
        ELASTICSEARCH_URL: config.elasticsearchUrl,
        SEARCH_FLAVOR: config.searchFlavor,
        REDIS_URL: config.redisUrl,
        CLICKHOUSE_URL: config.clickhouseUrl,
        STORE: store,
        KIND: kind,
        ENTRIES: String(entries),
      }),
    ) as Drained;
  } finally {
    await clearStores({
      ...config,
      redisKeyPrefix: names.REDIS_KEY_PREFIX,
      searchIndexPrefix: names.SEARCH_INDEX_PREFIX,
      clickhouseDatabase: names.CLICKHOUSE_DATABASE,
    });
  }
}
