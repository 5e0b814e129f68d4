import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { cliSettings } from '@millrace/cli/config';
import type { CliConfig } from '@millrace/cli/config';
import { loadDemoShop, traffic } from '@millrace/cli/shop';
import { openStoreViews, verifyView } from '@millrace/cli/verify';
import { prepare } from '@millrace/cli/prepare';
import { homeOf, startPlatform } from '@millrace/infra-local/supervisor';
import type { EngineAddresses, Platform } from '@millrace/infra-local/supervisor';
import { testHome } from '@millrace/infra-local/testing';
import { loadConfig } from '@millrace/kernel/config';
import { Releasers } from '@millrace/kernel/lifecycle';
import { fillBehaviour } from '../road/behaviour.ts';
import { fillCarts } from '../road/carts.ts';
import { placeOrders } from '../road/orders.ts';
import { LiveClient } from '../road/live-client.ts';
import { inherited, roadEnvironment, services } from '../road/road.ts';

const MINUTES = 60_000;
const releasers = new Releasers();

/** Engines of its own, since this test kills them. Ports apart from the shared ones, and below those that outgoing connections are given. */
const engines: EngineAddresses = {
  databaseUrl: 'postgres://millrace:millrace@127.0.0.1:31432/millrace',
  kafkaBrokers: ['127.0.0.1:31092'],
  schemaRegistryUrl: 'http://127.0.0.1:31081',
  elasticsearchUrl: 'http://127.0.0.1:31200',
  searchFlavor: 'opensearch',
  redisUrl: 'redis://127.0.0.1:31379',
  clickhouseUrl: 'http://127.0.0.1:31123',
};
const deployables = ['producers', 'stream-processors', 'sinks', 'api', 'realtime'];
const engineNames = ['postgres', 'kafka', 'schema-registry', 'search', 'redis', 'clickhouse'];

let platform: Platform;
let config: CliConfig;
let sql: pg.Pool;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-crash-'));
  releasers.push('folder', () => rm(folder, { recursive: true, force: true }));
  const env = await roadEnvironment('crash', engines);
  config = loadConfig(cliSettings, env);
  platform = await startPlatform({
    home: homeOf(folder, testHome.downloads),
    ownEngines: true,
    env: { ...inherited(), ...env },
    services: await services(env),
    async beforeServices() {
      await prepare(config);
    },
  });
  releasers.push('platform', () => platform.stop());
  sql = new pg.Pool({ connectionString: config.databaseUrl, max: 4 });
  releasers.push('pool', () => sql.end());
  sql.on('error', () => undefined);
  await loadDemoShop(sql, { seed: 'crash', limitOrders: 100 });
  await fillCarts(sql, 100);
  await fillBehaviour(sql, 100);
  await placeOrders(sql, 100);
}, 6 * MINUTES);

afterAll(() => releasers.release(), 2 * MINUTES);

test(
  'each deployable and each engine, killed in turn under traffic, comes back; no view is wrong and no position goes back',
  async () => {
    const { rows } = await sql.query<{ id: string }>('select product_id::text as id from commerce.products limit 50');
    const live = new LiveClient(config.realtimeUrl);
    releasers.push('client', () => live.close());
    await live.subscribe(rows.map(({ id }) => `stock:${id}`));
    const stop = new AbortController();
    const running = traffic({
      tps: 15,
      apiUrl: config.apiUrl,
      databaseUrl: config.databaseUrl,
      share: 0.5,
      seed: 'crash',
      signal: stop.signal,
    });
    for (const name of [...deployables, ...engineNames]) {
      await settled(1_000);
      platform.kill(name);
      await back(name);
    }
    await settled(2_000);
    stop.abort(new Error('the campaign is over'));
    const totals = await running;
    expect(totals.done).toBeGreaterThan(50);

    const views = await openStoreViews(config);
    releasers.push('views', () => views.close());
    for (const view of views.views) {
      const report = await verifyView(view, {
        databaseUrl: config.databaseUrl,
        slotName: config.slotName,
        waitMs: 90_000,
      });
      expect({ view: view.view, store: view.store, found: report.differences.slice(0, 3) }).toEqual({
        view: view.view,
        store: view.store,
        found: [],
      });
      expect(report.checked).toBeGreaterThan(0);
    }
    expect(live.wentBack).toEqual([]);
    expect(live.frames.filter((frame) => frame.type === 'update').length).toBeGreaterThan(0);
  },
  10 * MINUTES,
);

function settled(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until the killed process has been restarted and the whole platform is ready again. */
async function back(name: string): Promise<void> {
  const deadline = Date.now() + 2 * MINUTES;
  for (;;) {
    await settled(250);
    const status = platform.status();
    const item = [...status.engines, ...status.services].find((candidate) => candidate.name === name);
    if (status.state === 'ready' && (item?.restarts ?? 0) > 0) return;
    if (Date.now() > deadline) throw new Error(`${name} did not come back: ${JSON.stringify(status)}`);
  }
}
