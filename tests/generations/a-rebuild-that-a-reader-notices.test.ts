import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { createLog, openGenerationRows, readersSee, rebuild } from '@millrace/cli/generations';
import type { GenerationRows, RebuildReport } from '@millrace/cli/generations';
import { openStoreClients } from '@millrace/cli/lag';
import type { StoreClients } from '@millrace/cli/lag';
import { loadDemoShop, traffic } from '@millrace/cli/shop';
import { openStoreViews, verifyView } from '@millrace/cli/verify';
import { redisKeys } from '@millrace/infra-local/testing';
import { Releasers } from '@millrace/kernel/lifecycle';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { silentLogger } from '@millrace/kernel/telemetry';
import { startRoad } from '../road/road.ts';
import type { Road } from '../road/road.ts';

const MINUTES = 60_000;
const releasers = new Releasers();

let road: Road;
let rows: GenerationRows;
let clients: StoreClients;
let ids: readonly string[];

beforeAll(async () => {
  road = await startRoad();
  releasers.push('road', () => road.end());
  const sql = new pg.Pool({ connectionString: road.config.databaseUrl, max: 2 });
  releasers.push('pool', () => sql.end());
  await loadDemoShop(sql, { seed: 'generations', limitOrders: 100 });
  const found = await sql.query<{ id: string }>(
    `select product_id::text as id from commerce.products where status = 'active' order by 1 limit 200`,
  );
  ids = found.rows.map(({ id }) => id);
  clients = await openStoreClients(road.config);
  releasers.push('stores', () => clients.close());
  rows = await openGenerationRows(road.config.databaseUrl);
  releasers.push('rows', () => rows.close());
  await allRight();
}, 6 * MINUTES);

afterAll(() => releasers.release(), 2 * MINUTES);

/** Every view in every store as its readers see it, compared with Postgres. */
async function allRight(): Promise<void> {
  const stores = await openStoreViews(road.config);
  try {
    for (const view of stores.views) {
      const { differences } = await verifyView(view, { ...road.config, waitMs: 3 * MINUTES });
      expect({ view: view.view, store: view.store, differences }).toMatchObject({ differences: [] });
    }
  } finally {
    await stores.close();
  }
}

/** Reads products and searches through the API until stopped, and notes each answer that a shopper would call wrong. */
async function readers(stop: AbortSignal): Promise<{ reads: number; wrong: string[] }> {
  const wrong: string[] = [];
  let reads = 0;
  const read = async (path: string, isWhole: (body: Record<string, unknown>) => boolean): Promise<void> => {
    const answer = await fetch(`${road.config.apiUrl}${path}`);
    const text = await answer.text();
    reads++;
    if (answer.status !== 200) wrong.push(`${path}: ${answer.status} ${text}`);
    else if (!isWhole(JSON.parse(text) as Record<string, unknown>))
      wrong.push(`${path}: half filled: ${text.slice(0, 300)}`);
  };
  const first = (await (await fetch(`${road.config.apiUrl}/api/queries/products/search?limit=1`)).json()) as {
    total: number;
  };
  const product = async (): Promise<void> => {
    for (let at = 0; !stop.aborted; at++) {
      const id = ids[at % ids.length] ?? '';
      await read(`/api/queries/products/${id}`, (body) => body['productId'] === id);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const search = async (): Promise<void> => {
    while (!stop.aborted) {
      // Traffic adds and archives a few products meanwhile; a half-filled index would miss many.
      await read('/api/queries/products/search?limit=1', (body) => (body['total'] as number) > first.total * 0.9);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await Promise.all([product(), product(), search()]);
  return { reads, wrong };
}

/** What a rebuild reports, as its operator reads it. */
async function rebuilt(rate: number | null, from: 'views' | 'cdc' = 'views'): Promise<RebuildReport> {
  return rebuild(
    { rows, clients, config: road.config },
    { view: 'catalog', from, rate, waitMs: MINUTES, note: () => undefined },
  );
}

test(
  'under traffic, with the sinks killed in the middle, no read fails, none sees half a view, and the new generation is right',
  async () => {
    const stop = new AbortController();
    const busy = traffic({
      tps: 15,
      apiUrl: road.config.apiUrl,
      databaseUrl: road.config.databaseUrl,
      seed: 'generations',
      signal: stop.signal,
    });
    const reading = readers(stop.signal);
    releasers.push('traffic and readers', async () => {
      stop.abort();
      await Promise.allSettled([busy, reading]);
    });
    const filling = rebuilt(1_500);
    await inTheMiddle();
    road.platform.kill('sinks');
    const report = await filling;
    expect(report).toMatchObject({ generation: 2, previous: 1, switched: true });
    expect(report.verified.map(({ store, differences }) => [store, differences])).toEqual(
      ['redis', 'elasticsearch', 'clickhouse'].map((store) => [store, []]),
    );
    await rows.rollback('catalog');
    await readersSee(clients, road.config, 'catalog', 1, MINUTES);
    await rows.rollback('catalog');
    await readersSee(clients, road.config, 'catalog', 2, MINUTES);
    await rows.dropPrevious('catalog');
    await gone(1);
    stop.abort();
    await busy;
    const { reads, wrong } = await reading;
    expect(wrong).toEqual([]);
    expect(reads).toBeGreaterThan(200);
    await allRight();
  },
  8 * MINUTES,
);

test(
  'a filling that is cancelled is removed, and the next one gets a number that was never used',
  async () => {
    const { building } = await rows.begin('catalog', { rate: 50, log: null });
    expect(building).toBe(3);
    await inTheMiddle();
    await rows.cancel('catalog');
    await gone(3);
    await expect(rows.activate('catalog', 3)).rejects.toThrow('not the one being filled');
    await expect(rows.rollback('catalog')).rejects.toThrow('no previous generation');
    expect(await rebuilt(null)).toMatchObject({ generation: 4, previous: 2, switched: true });
  },
  4 * MINUTES,
);

test(
  'entries made anew from cdc: with the command and the processors killed in the middle no read fails, and the new log goes on alone',
  async () => {
    const stop = new AbortController();
    const reading = readers(stop.signal);
    releasers.push('readers', async () => {
      stop.abort();
      await Promise.allSettled([reading]);
    });
    const before = await rows.read('catalog');
    const { active } = before;
    // A command that was killed once with a topic that no row names yet, and once when its row had named the log.
    const leftBehind = await createLog(road.config, before);
    const log = await createLog(road.config, before);
    expect(log).toBe(leftBehind + 1);
    await rows.begin('catalog', { rate: 400, log });
    await inTheMiddle();
    const filling = rebuilt(400, 'cdc');
    road.platform.kill('stream-processors');
    const { generation, ...report } = await filling;
    expect({ generation, ...report }).toMatchObject({ generation: log, previous: active, switched: true });
    expect(await rows.read('catalog')).toMatchObject({ active: generation, activeLog: generation, previousLog: 1 });
    await rows.rollback('catalog');
    await readersSee(clients, road.config, 'catalog', active, MINUTES);
    await rows.rollback('catalog');
    await readersSee(clients, road.config, 'catalog', generation, MINUTES);
    await rows.dropPrevious('catalog');
    await gone(active);
    await eventually(async () => !(await topics()).some((topic) => topic.endsWith(`views.catalog.g${leftBehind}`)));
    const busy = new AbortController();
    const { apiUrl, databaseUrl } = road.config;
    setTimeout(() => {
      busy.abort();
    }, 3_000);
    await traffic({ tps: 15, apiUrl, databaseUrl, seed: 'anew', signal: busy.signal });
    stop.abort();
    const { reads, wrong } = await reading;
    expect(wrong).toEqual([]);
    expect(reads).toBeGreaterThan(100);
    await allRight();
  },
  6 * MINUTES,
);

async function topics(): Promise<readonly string[]> {
  const log = createKafkaLog({ brokers: road.config.kafkaBrokers, clientId: 'tests', logger: silentLogger() });
  const found = await log.admin.listTopics().finally(() => log.close());
  return found.filter((topic) => topic.startsWith(road.config.topicPrefix));
}

/** Some of the generation that is being filled is in Redis, and not all. */
async function inTheMiddle(): Promise<void> {
  await eventually(async () => {
    const { building } = await rows.read('catalog');
    return building !== null && (await keysOf(building)) > 0;
  });
}

async function keysOf(generation: number): Promise<number> {
  const prefix = generation === 1 ? road.config.redisKeyPrefix : `${road.config.redisKeyPrefix}g${generation}:`;
  return (await redisKeys(clients.redis, `${prefix}product:*`)).length;
}

/** Nothing is left of the generation in any store. */
async function gone(generation: number): Promise<void> {
  const { searchIndexPrefix, clickhouseDatabase } = road.config;
  await eventually(async () => {
    const index = await clients.search.indices.exists({ index: `${searchIndexPrefix}products_g${generation}` });
    const answer = await clients.clickhouse.query({
      query: 'select name from system.tables where database = {database:String} and name = {name:String}',
      query_params: { database: clickhouseDatabase, name: `products_g${generation}` },
      format: 'JSONEachRow',
    });
    return !index && (await answer.json()).length === 0 && (await keysOf(generation)) === 0;
  });
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 2 * MINUTES;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it never happened');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
