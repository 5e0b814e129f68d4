import type { CliConfig } from '../config/index.ts';
import { atMost } from './report.ts';
import type { Bar, BenchOptions } from './report.ts';
import { measureRoad } from './road.ts';

const TPS = 500;
const SECONDS = 60;

/** Commit → visible in each store of the running platform at 500 commits/s, as `bench road` measures it. */
export async function benchVisible(
  config: CliConfig,
  options: BenchOptions,
): Promise<{ bars: Bar[]; facts: Record<string, unknown> }> {
  const tps = options.tps ?? TPS;
  const { measured } = await measureRoad(config, tps, options.seconds ?? SECONDS);
  const { redis, search, clickhouse } = measured;
  const at = `at ${tps} commits/s`;
  return {
    bars: [
      atMost(`commit → Redis p50, ${at}`, redis.percentile(50), 10, 'ms'),
      atMost(`commit → Redis p99, ${at}`, redis.percentile(99), 50, 'ms'),
      atMost(`commit → Elasticsearch p50, ${at}`, search.percentile(50), 1100, 'ms'),
      atMost(`commit → ClickHouse p50, ${at}`, clickhouse.percentile(50), 1200, 'ms'),
    ],
    facts: { 'visible, samples': { redis: redis.count, search: search.count, clickhouse: clickhouse.count } },
  };
}
