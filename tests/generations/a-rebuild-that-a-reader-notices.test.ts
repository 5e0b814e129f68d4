import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { createLog, openGenerationRows, readersSee } from '@millrace/cli/generations';
import type { GenerationRow, GenerationRows, RebuildReport } from '@millrace/cli/generations';
import { openStoreClients } from '@millrace/cli/lag';
import type { StoreClients } from '@millrace/cli/lag';
import { seedShop, traffic } from '@millrace/cli/shop';
import { openStoreViews, verifyView, verifyViews } from '@millrace/cli/verify';
import { redisKeys } from '@millrace/infra-local/testing';
import { Releasers } from '@millrace/kernel/lifecycle';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { silentLogger } from '@millrace/kernel/telemetry';
import { startRoad } from '../road/road.ts';
import type { Road } from '../road/road.ts';
import { Command } from './command.ts';
import type { Ended } from './command.ts';
import { readUntil } from './readers.ts';

const MINUTES = 60_000;
/** Products whose changes the log loses. */
const LOST = 5;
const releasers = new Releasers();

let road: Road;
let rows: GenerationRows;
let clients: StoreClients;
let ids: readonly string[];
let sql: pg.Pool;

beforeAll(async () => {
  road = await startRoad();
  releasers.push('road', () => road.end());
  sql = new pg.Pool({ connectionString: road.config.databaseUrl, max: 2 });
  releasers.push('pool', () => sql.end());
  await seedShop(sql, { seed: 'generations', products: 300, orders: 100 });
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
    const reports = await verifyViews(stores.views, { ...road.config, waitMs: 3 * MINUTES });
    for (const { view, store, differences } of reports) {
      expect({ view, store, differences }).toMatchObject({ differences: [] });
    }
  } finally {
    await stores.close();
  }
}

/** How many entries of the view are not what Postgres says. */
async function differencesIn(view: string, store: string): Promise<number> {
  const stores = await openStoreViews(road.config);
  try {
    const found = stores.views.find((one) => one.view === view && one.store === store);
    if (found === undefined) throw new Error(`${store} holds no ${view}`);
    const { missing, extra, different } = await verifyView(found, { ...road.config, waitMs: 3 * MINUTES });
    return missing + extra + different;
  } finally {
    await stores.close();
  }
}

/** Whether a command is where it is to be killed. */
type Moment = (command: Command) => Promise<boolean> | boolean;

/**
 * The row of the catalog after a rebuild whose command is killed, with −9, at each of these moments, the first of them surely, and given again
 * each time until it has switched.
 */
async function rebuilt(words: readonly string[], moments: readonly Moment[] = []): Promise<GenerationRow> {
  const given = (): Command => new Command(road, 'rebuild', 'catalog', ...words, '--wait', String(2 * MINUTES));
  const { active } = await rows.read('catalog');
  for (const [at, moment] of moments.entries()) {
    const command = given();
    while (!command.isOver && !(await moment(command))) await new Promise((resolve) => setTimeout(resolve, 20));
    const isKilled = await command.kill();
    if (!isKilled) saysAllIsRight(await command.ended);
    if (at === 0) expect(isKilled).toBe(true);
    const row = await rows.read('catalog');
    // It was through before its moment was seen, or had just committed the switch when it was killed.
    if (row.active !== active) return row;
  }
  saysAllIsRight(await given().ended);
  return rows.read('catalog');
}

function saysAllIsRight({ code, answer, said }: Ended): void {
  if (code !== 0) throw new Error(`the command ended with ${code ?? 'a signal'}: ${answer} ${said}`);
  const { switched, verified } = JSON.parse(answer) as RebuildReport;
  expect(switched).toBe(true);
  expect(verified.map(({ store, differences }) => [store, differences])).toEqual(
    ['redis', 'elasticsearch', 'clickhouse'].map((store) => [store, []]),
  );
}

const whileComparing: Moment = (command) => command.said.includes('Comparing it with Postgres');

/** The rest goes on without the process too. */
function andKilling(moment: Moment, service: string): Moment {
  return async (command) => {
    if (!(await moment(command))) return false;
    road.platform.kill(service);
    return true;
  };
}

test(
  'under traffic, with the command killed twice and the sinks in the middle, no read fails, none sees half a view, and the new generation is right',
  async () => {
    const stop = new AbortController();
    const busy = traffic({
      tps: 8,
      apiUrl: road.config.apiUrl,
      databaseUrl: road.config.databaseUrl,
      seed: 'generations',
      signal: stop.signal,
    });
    const reading = readUntil(stop.signal, road.config.apiUrl, ids);
    releasers.push('traffic and readers', async () => {
      stop.abort();
      await Promise.allSettled([busy, reading]);
    });
    const after = await rebuilt(['--rate', '200'], [andKilling(isBegun, 'sinks'), whileComparing]);
    expect(after).toMatchObject({ active: 2, previous: 1, building: null });
    await readersSee(clients, road.config, 'catalog', 2, MINUTES);
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
    const { building } = await rows.begin('catalog', { rate: 50, log: null, reading: null });
    expect(building).toBe(3);
    await eventually('some of the filling is in Redis', isBegun);
    await rows.cancel('catalog');
    await gone(3);
    await expect(rows.activate('catalog', 3)).rejects.toThrow('not the one being filled');
    await expect(rows.rollback('catalog')).rejects.toThrow('no previous generation');
    expect(await rebuilt([])).toMatchObject({ active: 4, previous: 2, building: null });
  },
  4 * MINUTES,
);

test(
  'entries made anew from cdc: with the command and the processors killed in the middle no read fails, and the new log goes on alone',
  async () => {
    const stop = new AbortController();
    const reading = readUntil(stop.signal, road.config.apiUrl, ids);
    releasers.push('readers', async () => {
      stop.abort();
      await Promise.allSettled([reading]);
    });
    const before = await rows.read('catalog');
    const { active } = before;
    // Of a command that was killed when there was a topic that no row named yet.
    const leftBehind = await createLog(road.config, before);
    const moments = [andKilling(isBegun, 'stream-processors')];
    const generation = leftBehind + 1;
    expect(await rebuilt(['--from', 'cdc', '--rate', '200'], moments)).toMatchObject({
      ...{ active: generation, activeLog: generation },
      ...{ previous: active, previousLog: 1, building: null },
    });
    await rows.rollback('catalog');
    await readersSee(clients, road.config, 'catalog', active, MINUTES);
    await rows.rollback('catalog');
    await readersSee(clients, road.config, 'catalog', generation, MINUTES);
    await rows.dropPrevious('catalog');
    await gone(active);
    await eventually(
      'the topic left behind is gone',
      async () => !(await topics()).some((topic) => topic.endsWith(`views.catalog.g${leftBehind}`)),
    );
    const busy = new AbortController();
    const { apiUrl, databaseUrl } = road.config;
    setTimeout(() => {
      busy.abort();
    }, 3_000);
    await traffic({ tps: 8, apiUrl, databaseUrl, seed: 'anew', signal: busy.signal });
    stop.abort();
    const { reads, wrong } = await reading;
    expect(wrong).toEqual([]);
    expect(reads).toBeGreaterThan(100);
    await allRight();
  },
  6 * MINUTES,
);

test(
  'made anew from the source, after the log lost what was committed: with the command killed at every stage it is read once, and all is right',
  async () => {
    const stop = new AbortController();
    const { apiUrl, databaseUrl } = road.config;
    const reading = readUntil(stop.signal, apiUrl, ids);
    releasers.push('readers of the source', async () => {
      stop.abort();
      await Promise.allSettled([reading]);
    });
    await loseSome();
    expect(await differencesIn('catalog', 'redis')).toBeGreaterThanOrEqual(LOST);
    const busy = traffic({ tps: 8, apiUrl, databaseUrl, seed: 'source', signal: stop.signal });
    releasers.push('traffic of the source', async () => {
      stop.abort();
      await Promise.allSettled([busy]);
    });
    const { active } = await rows.read('catalog');
    const earlier = (await readings()).length;
    const moments = [() => isReading(earlier), isBegun];
    const after = await rebuilt(['--from', 'source', '--rate', '500'], moments);
    expect(after).toMatchObject({ previous: active, building: null, sourceReading: null });
    expect(after.activeLog).toBe(after.active);
    // Each topic once: reference data, then the products with their prices and stock.
    const read = (await readings()).slice(earlier);
    expect(read.map(({ state }) => state)).toEqual(['done', 'done']);
    expect(read.map(({ tables }) => tables)).toEqual([
      expect.arrayContaining(['commerce.categories', 'commerce.price_rules']),
      expect.arrayContaining(['commerce.products', 'commerce.prices', 'commerce.inventory']),
    ]);
    stop.abort();
    await busy;
    const { reads, wrong } = await reading;
    expect(wrong).toEqual([]);
    expect(reads).toBeGreaterThan(100);
    await allRight();
  },
  6 * MINUTES,
);

test(
  'a rebuild from the source says what it would read, and one that is cancelled while it reads leaves nothing under way',
  async () => {
    const before = await rows.read('catalog');
    const said = await new Command(road, 'rebuild', 'catalog', '--from', 'source', '--dry-run', '--rate', '100').ended;
    const { source } = JSON.parse(said.answer) as { source: { rows: number; bytes: number; seconds: number } };
    expect(source.rows).toBeGreaterThan(1_000);
    expect(source.seconds).toBeGreaterThanOrEqual(Math.floor(source.rows / 100));
    expect(await rows.read('catalog')).toEqual(before);
    const earlier = (await readings()).length;
    const command = new Command(road, 'rebuild', 'catalog', '--from', 'source', '--rate', '50');
    await eventually('the products are read again', () => isReading(earlier));
    expect(await command.kill()).toBe(true);
    expect(await new Command(road, 'rebuild', 'catalog', '--cancel').ended).toMatchObject({ code: 0 });
    expect((await readings()).at(-1)).toMatchObject({ state: 'cancelled' });
    expect(await rows.read('catalog')).toEqual(before);
  },
  5 * MINUTES,
);

/** Changes some products, their tags and their stock while the capture is told of none of it. */
async function loseSome(): Promise<void> {
  const tables = ['products', 'product_tags', 'inventory'].map((table) => `commerce.${table}`).join(', ');
  const chosen = ids.slice(0, LOST);
  await sql.query(`alter publication millrace drop table ${tables}`);
  await sql.query(`update commerce.products set name = name || ' again' where product_id = any($1)`, [chosen]);
  await sql.query('delete from commerce.product_tags where product_id = any($1)', [chosen]);
  await sql.query('update commerce.inventory set quantity = quantity + 3 where product_id = any($1)', [chosen]);
  await sql.query(`alter publication millrace add table ${tables}`);
}

async function topics(): Promise<readonly string[]> {
  const log = createKafkaLog({ brokers: road.config.kafkaBrokers, clientId: 'tests', logger: silentLogger() });
  const found = await log.admin.listTopics().finally(() => log.close());
  return found.filter((topic) => topic.startsWith(road.config.topicPrefix));
}

/** Some of the generation that is being filled is in Redis. */
async function isBegun(): Promise<boolean> {
  const { building } = await rows.read('catalog');
  if (building === null) return false;
  const held = await Promise.all(ids.map((id) => clients.redis.exists(`${prefixOf(building)}product:${id}`)));
  return held.includes(1);
}

/** The capture has begun to read the products and what belongs to them again, after so many readings. */
async function isReading(earlier: number): Promise<boolean> {
  const later = (await readings()).slice(earlier);
  return later.some(({ tables, rows: done }) => tables.includes('commerce.products') && Number(done) > 0);
}

/** What rebuilds had the capture read. */
async function readings(): Promise<{ state: string; tables: string[]; rows: string }[]> {
  const { rows: known } = await sql.query<{ there: boolean }>(
    `select to_regclass('millrace.capture_resnapshots') is not null as there`,
  );
  if (known[0]?.there !== true) return [];
  const found = await sql.query<{ state: string; tables: string[]; rows: string }>(
    `select state, tables, rows from millrace.capture_resnapshots where request ->> 'purpose' is not null order by id`,
  );
  return found.rows;
}

async function keysOf(generation: number): Promise<number> {
  return (await redisKeys(clients.redis, `${prefixOf(generation)}product:*`)).length;
}

function prefixOf(generation: number): string {
  return generation === 1 ? road.config.redisKeyPrefix : `${road.config.redisKeyPrefix}g${generation}:`;
}

/** Nothing is left of the generation in any store. */
async function gone(generation: number): Promise<void> {
  const { searchIndexPrefix, clickhouseDatabase } = road.config;
  await eventually(`generation ${generation} is gone from every store`, async () => {
    const index = await clients.search.indices.exists({ index: `${searchIndexPrefix}products_g${generation}` });
    const answer = await clients.clickhouse.query({
      query: 'select name from system.tables where database = {database:String} and name = {name:String}',
      query_params: { database: clickhouseDatabase, name: `products_g${generation}` },
      format: 'JSONEachRow',
    });
    return !index && (await answer.json()).length === 0 && (await keysOf(generation)) === 0;
  });
}

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 2 * MINUTES;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`it never happened that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
