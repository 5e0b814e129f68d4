import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClient } from '@clickhouse/client';
import pg from 'pg';
import { loadDemoShop, sourceTotals } from '@millrace/cli/shop';
import { openStoreViews, verifyView } from '@millrace/cli/verify';
import { startRoad } from '../road/road.ts';
import type { Road } from '../road/road.ts';

const MINUTES = 60_000;

let road: Road;
let sql: pg.Pool;

beforeAll(async () => {
  road = await startRoad();
  sql = new pg.Pool({ connectionString: road.config.databaseUrl, max: 4 });
  await loadDemoShop(sql, { seed: 'totals' });
}, 6 * MINUTES);

afterAll(async () => {
  await sql?.end();
  await road?.end();
}, 2 * MINUTES);

test('after the whole data set is played in, verify finds no difference in any view', async () => {
  const views = await openStoreViews(road.config);
  for (const view of views.views) {
    const report = await verifyView(view, { databaseUrl: road.config.databaseUrl, waitMs: 3 * MINUTES });
    expect({ view: view.view, store: view.store, found: report.differences.slice(0, 3) }).toEqual({ view: view.view, store: view.store, found: [] });
    expect(report.checked).toBeGreaterThan(1_800);
  }
  await views.close();
}, 8 * MINUTES);
