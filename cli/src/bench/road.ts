import { createClient } from '@clickhouse/client';
import type pg from 'pg';
import { openPool } from '@millrace/database/connection';
import { WebSocket } from 'ws';
import { PlatformError } from '@millrace/kernel/errors';
import { connectRedis, createRedisClient } from '@millrace/kernel/redis-client';
import { createSearchClient } from '@millrace/kernel/search-client';
import type { CliConfig } from '../config/index.ts';
import { Latencies, paced } from './latency.ts';
import { atMost } from './report.ts';
import type { BenchOptions, BenchReport } from './report.ts';

/** Products that take the commits in turn: at 200 commits/s each changes every 2.5 s, so a level read names its commit. */
const PRODUCTS = 500;
const GIVE_UP_MS = 30_000;
/** At the same rate before anything is measured: code that runs for the first time is interpreted, then compiled. */
const WARM_UP_SECONDS = 15;
/** A frame of the same product so long after a commit holds that commit. */
const CONFLATED_MS = 5_000;

/**
 * The whole road under load: commits at a steady rate by plain SQL, each raising the stock of one product; measured is the time from the
 * COMMIT's acknowledgement until a WebSocket client has the new level (every commit), and until it is visible in each store (samples:
 * Redis 10/s, search 4/s, ClickHouse 2/s, polled every 1, 200 and 250 ms, which adds at most that: looking more often loads the stores
 * more than the road does).
 */
export async function benchRoad(config: CliConfig, options: BenchOptions): Promise<BenchReport> {
  const tps = options.tps ?? 200;
  const seconds = options.seconds ?? 60;
  const { measured, wentBack } = await measureRoad(config, tps, seconds);
  return report(measured, tps, seconds, wentBack);
}

/** From a commit's acknowledgement until it is visible in each place. */
export type RoadLatencies = Readonly<Record<'websocket' | 'redis' | 'search' | 'clickhouse', Latencies>>;

export async function measureRoad(
  config: CliConfig,
  tps: number,
  seconds: number,
): Promise<{ measured: RoadLatencies; wentBack: number }> {
  const pool = openPool({ connectionString: config.databaseUrl, max: 20 });
  const redis = createRedisClient(config.redisUrl, { commandTimeoutMs: 15_000 });
  await connectRedis(redis);
  const clickhouse = createClient({ url: config.clickhouseUrl, database: config.clickhouseDatabase });
  const search = createSearchClient(config.elasticsearchUrl, config.searchFlavor);
  const probes: Promise<void>[] = [];
  const measured = {
    websocket: new Latencies(),
    redis: new Latencies(),
    search: new Latencies(),
    clickhouse: new Latencies(),
  };
  const products = await stockedProducts(pool, PRODUCTS);
  const gateway = await listen(config.realtimeUrl, products);
  try {
    const level = async (productId: string) => {
      const data = await redis.hget(`${config.redisKeyPrefix}inventory:${productId}`, 'data');
      return data === null ? -1 : (JSON.parse(data) as { onHand: number }).onHand;
    };
    const inSearch = async (productId: string) => {
      const found = await search.search<{ available: number }>({
        index: `${config.searchIndexPrefix}products`,
        query: { term: { productId } },
      });
      return found.hits.hits[0]?._source?.available ?? -1;
    };
    const inClickhouse = async (productId: string) => {
      const answer = await clickhouse.query({
        query: 'select toInt64(sum(on_hand)) as on_hand from v_inventory where product_id = {id:String}',
        query_params: { id: productId },
        format: 'JSONEachRow',
      });
      const rows = await answer.json<{ on_hand: string | number }>();
      return Number(rows[0]?.on_hand ?? -1);
    };
    const every = (perSecond: number, index: number) => index % Math.max(1, Math.round(tps / perSecond)) === 0;
    await paced(tps, WARM_UP_SECONDS, async (index) => {
      await raiseStock(pool, products[index % products.length] ?? '');
    });
    await paced(tps, seconds, async (index) => {
      const productId = products[index % products.length] ?? '';
      const expectation = gateway.expectNext(productId);
      const { onHand, available } = await raiseStock(pool, productId);
      const committed = performance.now();
      expectation.level(onHand, committed, measured.websocket);
      if (every(10, index)) probes.push(until(() => level(productId), onHand, committed, 1, measured.redis));
      if (every(4, index)) probes.push(until(() => inSearch(productId), available, committed, 200, measured.search));
      if (every(2, index))
        probes.push(until(() => inClickhouse(productId), onHand, committed, 250, measured.clickhouse));
    });
    await Promise.all(probes);
    await gateway.settle(GIVE_UP_MS);
    return { measured, wentBack: gateway.positionsWentBack() };
  } finally {
    gateway.close();
    redis.disconnect();
    await Promise.all([pool.end(), clickhouse.close(), search.close()]);
  }
}

async function stockedProducts(pool: pg.Pool, count: number): Promise<string[]> {
  const { rows } = await pool.query<{ product_id: string }>(
    'select product_id::text from commerce.inventory group by product_id order by product_id limit $1',
    [count],
  );
  if (rows.length === 0)
    throw new PlatformError('config-invalid', 'the shop is empty: load it first (`millrace up`, `millrace seed`)');
  return rows.map((row) => row.product_id);
}

/** One commit by plain SQL; answers the product's new levels over all its warehouses. */
async function raiseStock(pool: pg.Pool, productId: string): Promise<{ onHand: number; available: number }> {
  const { rows } = await pool.query<{ on_hand: string; available: string }>({
    name: 'raise',
    text: `with raised as (
       update commerce.inventory set quantity = quantity + 1
       where (product_id, variant_id, warehouse_id) =
         (select product_id, variant_id, warehouse_id from commerce.inventory where product_id = $1 order by variant_id, warehouse_id limit 1)
       returning product_id)
     select sum(quantity) + 1 as on_hand, sum(quantity - reserved) + 1 as available
     from commerce.inventory join raised using (product_id)`,
    values: [productId],
  });
  return { onHand: Number(rows[0]?.on_hand), available: Number(rows[0]?.available) };
}

async function until(
  read: () => Promise<number>,
  level: number,
  committed: number,
  everyMs: number,
  latencies: Latencies,
): Promise<void> {
  while (performance.now() - committed < GIVE_UP_MS) {
    if ((await read()) >= level) {
      latencies.add(performance.now() - committed);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  throw new PlatformError('view-behind', `a commit was not visible after ${GIVE_UP_MS} ms; see \`millrace lag\``);
}

interface StockFrame {
  type: string;
  topic?: string;
  position?: string;
  data?: { onHand: number } | null;
}

/** A WebSocket client of every product's stock that times the arrival of levels. */
async function listen(url: string, products: readonly string[]) {
  const socket = new WebSocket(url, 'millrace.v1');
  const seen = new Map<string, { position: string; arrivals: { onHand: number; at: number }[] }>();
  const pending = new Map<string, { onHand: number; committed: number; latencies: Latencies }[]>();
  let wentBack = 0;
  const settleOne = (productId: string): void => {
    const waiting = pending.get(productId) ?? [];
    const arrivals = seen.get(productId)?.arrivals ?? [];
    pending.set(
      productId,
      waiting.filter(({ onHand, committed, latencies }) => {
        const arrival = arrivals.find((candidate) => candidate.onHand >= onHand);
        if (arrival !== undefined) latencies.add(Math.max(0, arrival.at - committed));
        // Other traffic may lower a level in the very frame that brings ours: seen, but not a level to be timed.
        return arrival === undefined && !arrivals.some(({ at }) => at > committed + CONFLATED_MS);
      }),
    );
  };
  let snapshots = 0;
  const ready = new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (raw: Buffer) => {
      const at = performance.now();
      const parsed = JSON.parse(raw.toString()) as StockFrame | StockFrame[];
      for (const frame of Array.isArray(parsed) ? parsed : [parsed]) {
        if (frame.type === 'error')
          reject(new PlatformError('internal', `the gateway answered ${JSON.stringify(frame)}`));
        if ((frame.type !== 'snapshot' && frame.type !== 'update') || frame.topic === undefined) continue;
        const productId = frame.topic.slice('stock:'.length);
        const before = seen.get(productId);
        if (before !== undefined && (frame.position ?? '') < before.position) wentBack++;
        const arrivals = [...(before?.arrivals ?? []).slice(-20), { onHand: frame.data?.onHand ?? -1, at }];
        seen.set(productId, { position: frame.position ?? '', arrivals });
        if (frame.type === 'snapshot' && ++snapshots === products.length) resolve();
        settleOne(productId);
      }
    });
  });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  for (let at = 0; at < products.length; at += 100) {
    const topics = products.slice(at, at + 100).map((productId) => `stock:${productId}`);
    socket.send(JSON.stringify({ type: 'subscribe', id: String(at), topics }));
  }
  await ready;
  return {
    expectNext: (productId: string) => ({
      level: (onHand: number, committed: number, latencies: Latencies) => {
        pending.set(productId, [...(pending.get(productId) ?? []), { onHand, committed, latencies }]);
        settleOne(productId);
      },
    }),
    async settle(timeoutMs: number) {
      const deadline = performance.now() + timeoutMs;
      while ([...pending.values()].some((waiting) => waiting.length > 0)) {
        if (performance.now() > deadline)
          throw new PlatformError('view-behind', 'updates are missing at the WebSocket client');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    positionsWentBack: () => wentBack,
    close: () => {
      socket.terminate();
    },
  };
}

function report(measured: RoadLatencies, tps: number, seconds: number, wentBack: number): BenchReport {
  const ms = (path: keyof RoadLatencies, p: number) => measured[path].percentile(p);
  return {
    name: `road: ${tps} commits/s for ${seconds} s`,
    bars: [
      atMost('commit → WebSocket p50', ms('websocket', 50), 8, 'ms'),
      atMost('commit → WebSocket p99', ms('websocket', 99), 40, 'ms'),
      atMost('commit → Redis p50', ms('redis', 50), 10, 'ms'),
      atMost('commit → Elasticsearch p50', ms('search', 50), 1200, 'ms'),
      atMost('commit → ClickHouse p50', ms('clickhouse', 50), 1500, 'ms'),
      atMost('positions that went back', wentBack, 0, ''),
    ],
    facts: {
      websocketUpdates: measured.websocket.count,
      redisP99Ms: ms('redis', 99),
      searchP99Ms: ms('search', 99),
      clickhouseP99Ms: ms('clickhouse', 99),
      samples: { redis: measured.redis.count, search: measured.search.count, clickhouse: measured.clickhouse.count },
    },
  };
}
