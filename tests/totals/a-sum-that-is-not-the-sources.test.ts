import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClient } from '@clickhouse/client';
import { Redis } from 'ioredis';
import pg from 'pg';
import { loadDemoShop, sourceTotals } from '@millrace/cli/shop';
import { CaptureClient } from '@millrace/cli/capture';
import { openStoreClients } from '@millrace/cli/lag';
import { plantDifferences } from '@millrace/cli/planting';
import { SinksClient, repeatAggregates } from '@millrace/cli/replay';
import { openStoreViews, repair, repairScopes, verifyView, verifyViews, wrongSales } from '@millrace/cli/verify';
import type { StoreView, ViewReport } from '@millrace/cli/verify';
import { Releasers } from '@millrace/kernel/lifecycle';
import { fillBehaviour, funnelOf } from '../road/behaviour.ts';
import { fillCarts } from '../road/carts.ts';
import { placeOrders } from '../road/orders.ts';
import { startRoad } from '../road/road.ts';
import type { Road } from '../road/road.ts';

const MINUTES = 60_000;
const releasers = new Releasers();

let road: Road;
let sql: pg.Pool;

beforeAll(async () => {
  road = await startRoad();
  releasers.push('road', () => road.end());
  sql = new pg.Pool({ connectionString: road.config.databaseUrl, max: 4 });
  releasers.push('pool', () => sql.end());
  await loadDemoShop(sql, { seed: 'totals' });
  await fillCarts(sql, 2_000);
  await fillBehaviour(sql, 2_000);
}, 6 * MINUTES);

afterAll(() => releasers.release(), 2 * MINUTES);

test(
  'after the whole data set is played in, verify finds no difference in any view',
  async () => {
    const views = await openStoreViews(road.config);
    releasers.push('views', () => views.close());
    for (const { view, store, checked, differences } of await verifyAll(views.views)) {
      expect({ view, store, found: differences.slice(0, 3) }).toEqual({ view, store, found: [] });
      // Its orders are of years ago: nobody is recommended what was bought together then.
      if (view !== 'recommendations') expect(checked).toBeGreaterThan(1_800);
    }
  },
  8 * MINUTES,
);

/** Every view, in all its stores at once. */
function verifyAll(views: readonly StoreView[]): Promise<ViewReport[]> {
  const { databaseUrl, slotName } = road.config;
  return verifyViews(views, { databaseUrl, slotName, waitMs: 3 * MINUTES, listed: 10_000 });
}

interface Sum {
  readonly month: string;
  readonly subCategory: string;
  readonly revenue: string;
  readonly units: number | string;
  readonly orders: number | string;
}

const key = (sum: Sum) => `${sum.month} ${sum.subCategory}`;
const sorted = (sums: readonly Sum[]) =>
  sums
    .map(({ month, subCategory, revenue, units, orders }) => ({
      month,
      subCategory,
      revenue: Number(revenue).toFixed(2),
      units: Number(units),
      orders: Number(orders),
    }))
    .toSorted((a, b) => (key(a) < key(b) ? -1 : 1));

test(
  'revenue, units and orders by month and sub-category are the same in Postgres, ClickHouse and the source file',
  async () => {
    const { rows } = await sql.query<Sum>(
      `select to_char(o.placed_at at time zone 'UTC', 'YYYY-MM') as month, c.name as "subCategory",
            sum(i.total_price)::text as revenue, sum(i.quantity)::int as units, count(distinct o.order_id)::int as orders
     from commerce.order_items i
     join commerce.orders o using (order_id)
     join commerce.products p using (product_id)
     join commerce.categories c using (category_id)
     group by 1, 2`,
    );
    const clickhouse = createClient({ url: road.config.clickhouseUrl, database: road.config.clickhouseDatabase });
    const answer = await clickhouse.query({
      query: `
      select formatDateTime(o.placed_at, '%Y-%m', 'UTC') as month, p.category as subCategory,
             toString(sum(i.total_price)) as revenue, toInt32(sum(i.quantity)) as units, toInt32(uniqExact(i.order_id)) as orders
      from v_order_items i
      join v_orders o on o.order_id = i.order_id
      join v_products p on p.product_id = i.product_id
      group by month, subCategory`,
      format: 'JSONEachRow',
    });
    const inClickhouse = await answer.json<Sum>();
    const rolled = await clickhouse.query({
      query: `
      select formatDateTime(day, '%Y-%m', 'UTC') as month, category as subCategory, toString(sum(revenue)) as revenue,
             toInt32(sum(units)) as units, toInt32(sum(orders)) as orders
      from v_sales_by_day group by month, subCategory`,
      format: 'JSONEachRow',
    });
    const inRollup = await rolled.json<Sum>();
    await clickhouse.close();
    const source = sourceTotals().byMonthAndSubCategory;
    expect(source.length).toBeGreaterThan(700);
    expect(sorted(rows)).toEqual(sorted(source));
    expect(sorted(inClickhouse)).toEqual(sorted(source));
    // An order has one day, but may have lines of several vendors.
    const withoutOrders = (sums: readonly Sum[]) => sorted(sums).map((sum) => ({ ...sum, orders: 0 }));
    expect(withoutOrders(inRollup)).toEqual(withoutOrders(source));
  },
  MINUTES,
);

test(
  'the funnel of each day is the one of the table, and what came too late for its session is told apart',
  async () => {
    const clickhouse = createClient({ url: road.config.clickhouseUrl, database: road.config.clickhouseDatabase });
    releasers.push('clickhouse', () => clickhouse.close());
    const rows = async <T>(query: string): Promise<T[]> =>
      (await clickhouse.query({ query, format: 'JSONEachRow' })).json<T>();
    const funnel = await rows<{ day: string; steps: string[] }>(
      'select toString(day) as day, [sessions, viewed, added_to_cart, checked_out, purchased] as steps from v_funnel_daily',
    );
    expect(Object.fromEntries(funnel.map(({ day, steps }) => [day, steps.map(Number)]))).toEqual(await funnelOf(sql));
    expect(await rows('select toString(count()) as late from v_late_behaviour')).toEqual([{ late: '200' }]);
  },
  MINUTES,
);

test(
  'what is bought together from now on is as SQL says it, product by product, and a wrong entry is found and mended',
  async () => {
    await placeOrders(sql, 1_000);
    const settings = { databaseUrl: road.config.databaseUrl, slotName: road.config.slotName, waitMs: 3 * MINUTES };
    const stores = await openStoreViews(road.config);
    releasers.push('recommendations', () => stores.close());
    const views = stores.views.filter(({ view }) => view === 'recommendations');
    expect(views.map(({ store }) => store)).toEqual(['redis', 'clickhouse']);
    for (const view of views) {
      const report = await verifyView(view, settings);
      expect(report.differences.slice(0, 3)).toEqual([]);
      expect(report.checked).toBeGreaterThan(900);
    }
    const [redisView] = views;
    if (redisView === undefined) throw new Error('no view in Redis');
    const [id = ''] = (await redisView.ids()[Symbol.asyncIterator]().next()).value as string[];
    const redis = new Redis(road.config.redisUrl);
    releasers.push('redis', () => {
      redis.disconnect();
    });
    const key = `${road.config.redisKeyPrefix}recommendations:${id}`;
    const data = JSON.parse((await redis.hget(key, 'data')) ?? '{}') as { items: unknown[] };
    await redis.hset(key, 'data', JSON.stringify({ ...data, items: data.items.slice(1) }));
    const wrong = await verifyView(redisView, settings);
    expect(wrong.differences.map(({ key: found }) => found)).toEqual([id]);
    const capture = new CaptureClient(`http://127.0.0.1:${road.healthPorts['producers']}`);
    await repair(capture, repairScopes([wrong]), () => undefined);
    expect((await verifyView(redisView, settings)).differences).toEqual([]);
  },
  8 * MINUTES,
);

test(
  'five hundred differences, of every kind in every view of every store, are all found, nothing else is, and a repair mends them',
  async () => {
    const stores = await openStoreViews(road.config);
    releasers.push('planted views', () => stores.close());
    const clients = await openStoreClients(road.config);
    releasers.push('planting clients', () => clients.close());
    const planted = await plantDifferences(clients, road.config, stores.views, 500);
    expect(planted.length).toBeGreaterThanOrEqual(500);
    const reports = await verifyAll(stores.views);
    const found = reports.flatMap(({ view, store, differences }) =>
      differences.map(({ key, kind }) => `${view}@${store}: ${kind} ${key}`),
    );
    const wanted = planted.map(({ view, store, kind, key }) => `${view}@${store}: ${kind} ${key}`);
    const wayOf = new Map(planted.map(({ way }, at) => [wanted[at], way]));
    const missed = wanted.filter((one) => !found.includes(one)).map((one) => `${one}, ${wayOf.get(one) ?? ''}`);
    expect({ missed, invented: found.filter((one) => !wayOf.has(one)) }).toEqual({ missed: [], invented: [] });
    await repeatAggregates(
      new SinksClient(`http://127.0.0.1:${road.healthPorts['sinks']}`),
      'sales',
      wrongSales(reports),
    );
    const capture = new CaptureClient(`http://127.0.0.1:${road.healthPorts['producers']}`);
    await repair(capture, repairScopes(reports), () => undefined);
    const left = (await verifyAll(stores.views)).flatMap(({ view, store, differences }) =>
      differences.map(({ key, kind, fields }) => `${view}@${store}: ${kind} ${key} ${JSON.stringify(fields)}`),
    );
    expect(left).toEqual([]);
  },
  8 * MINUTES,
);
