import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from '@clickhouse/client';
import { Redis } from 'ioredis';
import pg from 'pg';
import { CaptureClient } from '@millrace/cli/capture';
import { SinksClient, entriesOf, previewReplay } from '@millrace/cli/replay';
import { isSampled, openStoreViews, repair, repairScopes, verifyView } from '@millrace/cli/verify';
import { Releasers } from '@millrace/kernel/lifecycle';
import type { LogClient } from '@millrace/kernel/log';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { createSearchClient } from '@millrace/kernel/search-client';
import { silentLogger } from '@millrace/kernel/telemetry';
import { forgetOld } from '@millrace/producers/retention';
import { partitionOf } from '@millrace/schemas/partition';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import { createViewCodec } from '@millrace/schemas/views';
import { LiveClient } from './live-client.ts';
import { Command, millrace } from './operator.ts';
import { freePorts, startRoad } from './road.ts';
import type { Road } from './road.ts';

const MINUTES = 60_000;
const releasers = new Releasers();
const WAREHOUSE = '00000000-0000-7000-8000-00000000aaaa';

let road: Road;
let sql: pg.Pool;
let live: LiveClient;

beforeAll(async () => {
  road = await startRoad();
  releasers.push('road', () => road.end());
  sql = new pg.Pool({ connectionString: road.config.databaseUrl, max: 4 });
  releasers.push('pool', () => sql.end());
  live = new LiveClient(road.config.realtimeUrl);
  releasers.push('client', () => live.close());
  await sql.query(`insert into commerce.warehouses (warehouse_id, code, name) values ($1, 'W1', 'One')`, [WAREHOUSE]);
}, 4 * MINUTES);

afterAll(() => releasers.release(), 2 * MINUTES);

/** A product with stock, by plain SQL in one commit, as another program would write it. */
async function product(name: string, quantity: number): Promise<string> {
  const client = await sql.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query<{ product_id: string }>(
      `insert into commerce.products (sku, name, base_price) values ($1, $2, 19.90) returning product_id`,
      [`SKU-${name}`, name],
    );
    const id = rows[0]!.product_id;
    await client.query(
      `insert into commerce.inventory (product_id, variant_id, warehouse_id, quantity) values ($1, $1, $2, $3)`,
      [id, WAREHOUSE, quantity],
    );
    await client.query('commit');
    return id;
  } finally {
    client.release();
  }
}

async function eventually<T>(read: () => Promise<T>, fits: (value: T) => boolean, timeoutMs = 20_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (fits(value)) return value;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(value)} after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${road.config.apiUrl}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? null : JSON.parse(text)) as Record<string, unknown>,
  };
}

function connectRedis(): Redis {
  const redis = new Redis(road.config.redisUrl);
  releasers.push('redis', () => redis.disconnect());
  return redis;
}

async function deadLetters(log: LogClient, topic: string): Promise<number> {
  return (await log.admin.offsets(topic)).reduce((sum, { start, end }) => sum + Number(end - start), 0);
}

async function adminToken(): Promise<Record<string, string>> {
  const { body } = await call('POST', '/api/demo/token', { role: 'admin' });
  return { authorization: `Bearer ${String(body['token'] ?? body['accessToken'])}` };
}

describe('a row changed with plain SQL', () => {
  test(
    'is in Redis, in search, in ClickHouse and at a WebSocket client',
    async () => {
      const id = await product('Plain lamp', 7);
      await live.subscribe([`stock:${id}`, `product:${id}`]);
      const redis = connectRedis();
      const search = createSearchClient(road.config.elasticsearchUrl, road.config.searchFlavor);
      const clickhouse = createClient({ url: road.config.clickhouseUrl, database: road.config.clickhouseDatabase });
      releasers.push('search', () => search.close());
      releasers.push('clickhouse', () => clickhouse.close());
      await sql.query('update commerce.inventory set quantity = 42 where product_id = $1', [id]);

      const frame = await live.frame((f) => f.topic === `stock:${id}` && f.data?.['onHand'] === 42);
      expect(frame.position).toMatch(/^\d{20}$/);
      const stored = await eventually(
        () => redis.hgetall(`${road.config.redisKeyPrefix}inventory:${id}`),
        (hash) => (JSON.parse(hash['data'] ?? '{}') as { onHand?: number }).onHand === 42,
      );
      expect(stored['position']).toBe(frame.position);
      await eventually(
        async () =>
          (
            await search.search({
              index: `${road.config.searchIndexPrefix}products`,
              query: { term: { productId: id } },
            })
          ).hits.hits[0]?._source,
        (source) => (source as { available?: number } | undefined)?.available === 42,
      );
      await eventually(
        async () =>
          (
            await clickhouse.query({
              query: 'select toInt32(on_hand) as n from v_inventory where product_id = {id:String}',
              query_params: { id },
              format: 'JSONEachRow',
            })
          ).json<{ n: number }>(),
        (rows) => rows[0]?.n === 42,
      );
    },
    MINUTES,
  );

  test(
    'that deletes a product takes it out of every view',
    async () => {
      const id = await product('Short-lived lamp', 1);
      const redis = connectRedis();
      const key = `${road.config.redisKeyPrefix}product:${id}`;
      await eventually(
        () => redis.hget(key, 'data'),
        (data) => data !== null,
      );
      await sql.query('delete from commerce.products where product_id = $1', [id]);
      await eventually(
        () => redis.hget(key, 'data'),
        (data) => data === null,
      );
      expect((await call('GET', `/api/queries/products/${id}`)).status).toBe(404);
    },
    MINUTES,
  );
});

describe('a command', () => {
  test(
    'answers a token, and a query that carries it shows what the command wrote',
    async () => {
      const id = await product('Token lamp', 5);
      const headers = { ...(await adminToken()), 'idempotency-key': `k-${id}` };
      const changed = await call('POST', `/api/commands/products/${id}/inventory`, { delta: 3 }, headers);
      expect(changed.status).toBeLessThan(300);
      const token = changed.headers.get('millrace-position') ?? '';
      const read = await call('GET', `/api/queries/products/${id}/inventory`, undefined, {
        'millrace-position': token,
        'millrace-wait': '10000',
      });
      expect(read.status).toBe(200);
      expect(read.body['onHand']).toBe(8);
      expect(read.headers.get('millrace-source')).not.toBe('postgres');
    },
    MINUTES,
  );
});

describe('a cart', () => {
  test(
    'that a customer fills is read at once, and one that nothing has happened to for a day is abandoned until something does',
    async () => {
      const id = await product('Cart lamp', 5);
      const cart = '0198c1d2-0000-7000-8000-0000000000ca';
      const token = await adminToken();
      const put = (key: string) =>
        call(
          'POST',
          `/api/commands/carts/${cart}/items`,
          { productId: id, quantity: 2 },
          { ...token, 'idempotency-key': key },
        );
      const read = (position: string | null) =>
        call('GET', `/api/queries/carts/${cart}`, undefined, {
          ...token,
          ...(position === null ? {} : { 'millrace-position': position, 'millrace-wait': '20000' }),
        });
      const put1 = await put('cart-1');
      const shown = await read(put1.headers.get('millrace-position'));
      expect(shown.body).toMatchObject({ cartId: cart, status: 'active', units: 2, abandonedAt: null });
      expect(shown.headers.get('millrace-source')).toBe('view');

      const left = await sql.query<{ id: string }>(
        `with opened as (
           insert into commerce.carts (created_at, updated_at) values (now() - interval '2 days', now() - interval '2 days')
           returning cart_id, updated_at)
         insert into commerce.cart_items (cart_id, product_id, variant_id, quantity, created_at, updated_at)
         select cart_id, $1, $1, 1, updated_at, updated_at from opened returning cart_id::text as id`,
        [id],
      );
      const leftId = left.rows[0]!.id;
      const abandoned = async () => (await call('GET', `/api/queries/carts/${leftId}`, undefined, token)).body;
      const seen = await eventually(abandoned, (body) => body['abandonedAt'] !== undefined);
      expect(Date.parse(String(seen['abandonedAt']))).toBeLessThan(Date.now());
      await sql.query('update commerce.cart_items set quantity = 2 where cart_id = $1', [leftId]);
      expect((await eventually(abandoned, (body) => body['units'] === 2))['abandonedAt']).toBeNull();
    },
    MINUTES,
  );
});

describe('what a visitor does', () => {
  test(
    'is in the funnel of its day once the view has the answer’s position, however often it is told',
    async () => {
      const steps = ['view', 'add_to_cart', 'checkout'].map((type, n) => ({
        type,
        eventId: `0198c1d2-0000-7000-8000-0000000e000${n}`,
        occurredAt: new Date(Date.now() - (3 - n) * 1_000).toISOString(),
      }));
      const visit = { sessionId: '0198c1d2-0000-7000-8000-0000000e00ff', events: steps };
      expect((await call('POST', '/api/events', visit)).body).toMatchObject({ accepted: 3, repeated: 0 });
      expect((await call('POST', '/api/events', visit)).body).toMatchObject({ accepted: 0, repeated: 3 });
      const clickhouse = createClient({ url: road.config.clickhouseUrl, database: road.config.clickhouseDatabase });
      releasers.push('clickhouse of the funnel', () => clickhouse.close());
      const query =
        'select toString(sum(checked_out)) as out, toString(sum(purchased)) as bought, toString(sum(viewed)) as viewed from v_funnel_daily';
      const funnel = await eventually(
        async () => (await clickhouse.query({ query, format: 'JSONEachRow' })).json<Record<string, string>>(),
        ([row]) => row?.['out'] === '1',
      );
      expect(funnel).toEqual([{ viewed: '1', out: '1', bought: '0' }]);
    },
    MINUTES,
  );

  test(
    'is kept in the view when the table forgets it, and verify finds nothing, also where a forgotten id comes back',
    async () => {
      /** Told to the table so many days ago, of what was done so many minutes ago. */
      const tell = (id: string, toldDaysAgo: number, ...minutesAgo: number[]) =>
        sql.query(
          `insert into commerce.behaviour_events (session_id, kind, occurred_at, created_at)
           select $1, 'view', now() - m * interval '1 minute', now() - make_interval(days => $2) from unnest($3::int[]) as m`,
          [id, toldDaysAgo, minutesAgo],
        );
      const id = (place: number): string => `0198c1d2-0000-7000-8000-0000000f000${place}`;
      const [gone, comesBack, stays] = [id(1), id(2), id(3)];
      const threeDays = 3 * 24 * 60;
      await tell(gone, 40, 200, 190);
      // One of them too late for its session.
      await tell(comesBack, 40, 180, 175, threeDays);
      await tell(stays, 1, 60);
      const stores = await openStoreViews(road.config);
      releasers.push('views of behaviour', () => stores.close());
      const view = stores.views.find((one) => one.view === 'behaviour')!;
      const only = [gone, comesBack, stays];
      const { databaseUrl, slotName } = road.config;
      const verified = async () => {
        const report = await verifyView(view, { databaseUrl, slotName, waitMs: MINUTES, only });
        const whole = await verifyView(view, { databaseUrl, slotName, waitMs: MINUTES });
        expect([report.differences, whole.differences, whole.unsettled]).toEqual([[], [], 0]);
        return report.checked;
      };
      expect(await verified()).toBe(3);

      let forgotten = 0;
      const client = new pg.Client({ connectionString: databaseUrl });
      await client.connect();
      releasers.push('forgetting', () => client.end());
      await forgetOld(client, { days: 30, logger: silentLogger(), onForgotten: (rows) => (forgotten += rows) });
      expect(forgotten).toBe(5);
      await verified();
      await tell(comesBack, 0, 5, 4);
      await verified();

      const clickhouse = createClient({ url: road.config.clickhouseUrl, database: road.config.clickhouseDatabase });
      releasers.push('clickhouse of the sessions', () => clickhouse.close());
      const query = `select toString(session_id) as id, toString(sum(views)) as views from v_sessions
                     where session_id in {only:Array(String)} group by session_id order by id`;
      const answer = await clickhouse.query({ query, query_params: { only }, format: 'JSONEachRow' });
      expect(await answer.json()).toEqual([
        { id: gone, views: '2' },
        { id: comesBack, views: '4' },
        { id: stays, views: '1' },
      ]);
    },
    4 * MINUTES,
  );
});

describe('bad input', () => {
  test(
    'a malformed record in a view topic is dead-lettered, and the topic goes on',
    async () => {
      const log = createKafkaLog({ brokers: road.config.kafkaBrokers, clientId: 'tests', logger: silentLogger() });
      releasers.push('log', () => log.close());
      const id = await product('After the malformed record', 3);
      const partitions = Number(road.env['PARTITIONS']);
      const topic = `${road.config.topicPrefix}cdc.catalog`;
      const intruder = await log.openWriter({
        name: `${road.config.topicPrefix}intruder`,
        partitions: [{ topic, partition: partitionOf(id, partitions) }],
        barrier: () => ({ key: Buffer.from('_intruder'), value: null }),
      });
      await intruder.append([
        {
          topic,
          partition: partitionOf(id, partitions),
          records: [{ key: Buffer.from(`inventory/${id}/x`), value: Buffer.from('not Avro at all') }],
        },
      ]);
      await intruder.close();
      const other = await product('Another product', 4);
      await live.subscribe([`stock:${other}`]);
      await sql.query('update commerce.inventory set quantity = 9 where product_id = $1', [other]);
      await live.frame((f) => f.topic === `stock:${other}` && f.data?.['onHand'] === 9);
      const dead = await eventually(
        () => log.admin.offsets(`${topic}.dlq`),
        (offsets) => offsets.some(({ start, end }) => end > start),
      );
      expect(dead.some(({ end }) => end > 0n)).toBe(true);
    },
    MINUTES,
  );

  test('a command with wrong fields names each of them', async () => {
    const answer = await call(
      'POST',
      '/api/commands/products',
      { name: 5, base_price: 'many' },
      { ...(await adminToken()), 'idempotency-key': 'wrong-fields' },
    );
    expect([400, 422]).toContain(answer.status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(JSON.stringify(answer.body)).toContain('name');
  });

  test(
    'a frame that is not JSON gets an error frame, and the connection goes on',
    async () => {
      const id = await product('Frame lamp', 2);
      live.sendRaw('this is not JSON');
      const error = await live.frame((f) => f.type === 'error');
      expect(error.message).toBeTruthy();
      await live.subscribe([`stock:${id}`]);
      await live.frame((f) => f.topic === `stock:${id}` && f.type === 'snapshot');
    },
    MINUTES,
  );
});

describe('verify', () => {
  test(
    'finds nothing in any view, then each kind of planted difference, and repairs them',
    async () => {
      const wrong = await product('Wrong in Redis', 6);
      const missing = await product('Missing in Redis', 6);
      const views = await openStoreViews(road.config);
      releasers.push('views', () => views.close());
      const settings = { databaseUrl: road.config.databaseUrl, slotName: road.config.slotName };
      for (const view of views.views) {
        const report = await verifyView(view, settings);
        expect({ view: view.view, store: view.store, found: report.differences }).toEqual({
          view: view.view,
          store: view.store,
          found: [],
        });
      }
      const redis = connectRedis();
      const prefix = road.config.redisKeyPrefix;
      const held = JSON.parse((await redis.hget(`${prefix}inventory:${wrong}`, 'data')) ?? '{}') as Record<
        string,
        unknown
      >;
      await redis.hset(`${prefix}inventory:${wrong}`, 'data', JSON.stringify({ ...held, onHand: 777 }));
      await redis.del(`${prefix}inventory:${missing}`);
      const extra = '00000000-0000-7000-8000-00000000ffff';
      await redis.hset(`${prefix}inventory:${extra}`, {
        position: '0'.repeat(20),
        data: JSON.stringify({ ...held, productId: extra }),
      });
      const stray = `${prefix}inventory:no-id-of-ours`;
      await redis.hset(stray, { position: '0'.repeat(20), data: JSON.stringify(held) });
      const inventory = views.views.find((view) => view.view === 'inventory' && view.store === 'redis')!;
      const report = await verifyView(inventory, settings);
      expect(
        report.differences.map(({ key, kind, fields }) => [key, kind, fields.map((f) => f.field)]).toSorted(),
      ).toEqual(
        [
          [wrong, 'different', ['onHand']],
          [missing, 'missing', []],
          [extra, 'extra', []],
          ['no-id-of-ours', 'extra', []],
        ].toSorted(),
      );
      await redis.del(stray);
      const part = await verifyView(inventory, { ...settings, only: [wrong] });
      expect([part.checked, part.differences.map(({ key }) => key)]).toEqual([1, [wrong]]);
      const fraction = 0.5;
      const seeds = Array.from({ length: 64 }, (_, at) => String(at));
      const seed = seeds.find(
        (one) => isSampled({ fraction, seed: one }, wrong) && !isSampled({ fraction, seed: one }, missing),
      )!;
      const sampled = (await verifyView(inventory, { ...settings, sample: { fraction, seed } })).differences;
      expect(sampled.map(({ key }) => key)).toEqual([wrong, extra].filter((id) => isSampled({ fraction, seed }, id)));
      const capture = new CaptureClient(`http://127.0.0.1:${road.healthPorts['producers']}`);
      const done = await repair(capture, repairScopes([report]), () => undefined);
      expect(done.map(({ state }) => state)).toEqual(['done']);
      const repaired = await verifyView(inventory, settings);
      expect(repaired.differences).toEqual([]);
    },
    2 * MINUTES,
  );
});

describe('verify --watch', () => {
  test(
    'as a process: tells of drift and serves it, ends with 3 where it lasts, and with 0 by ^C where nothing differs',
    async () => {
      const id = await product('Drifting lamp', 6);
      const redis = connectRedis();
      const key = `${road.config.redisKeyPrefix}inventory:${id}`;
      const data = await eventually(
        () => redis.hget(key, 'data'),
        (held) => held !== null,
      );
      const [port = 0] = await freePorts(1);
      const words = ['verify', 'inventory', '--watch', '--sample', '1', '--every', '3', '--metrics-port', String(port)];
      const watching = new Command(road, ...words);
      releasers.push('watch', () => watching.abandon());
      /** The text of /metrics; empty while nobody serves it. */
      const scraped = async (): Promise<string> =>
        fetch(`http://127.0.0.1:${port}/metrics`).then(
          (answer) => answer.text(),
          () => '',
        );
      const labels = ['millrace_verify_drift{', 'view="inventory"', 'store="redis"', 'kind="different"'];
      const drift = async (): Promise<string | undefined> => {
        const lines = (await scraped()).split('\n');
        return lines
          .find((line) => labels.every((label) => line.includes(label)))
          ?.split(' ')
          .at(-1);
      };
      await eventually(drift, (value) => value === '0', 2 * MINUTES);
      await redis.hset(key, 'data', JSON.stringify({ ...(JSON.parse(data ?? '{}') as object), onHand: 777 }));
      await eventually(drift, (value) => value === '1', 2 * MINUTES);
      const ended = await watching.ended;
      const passes = ended.answers as { lasting: { view: string; store: string; differences: { key: string }[] }[] }[];
      expect(ended.code).toBe(3);
      expect(passes.length).toBeGreaterThan(1);
      expect(passes.at(-1)?.lasting).toMatchObject([{ view: 'inventory', store: 'redis', differences: [{ key: id }] }]);
      await redis.hset(key, 'data', data ?? '');
      const calm = new Command(road, ...words);
      releasers.push('calm watch', () => calm.abandon());
      await eventually(drift, (value) => value === '0', 2 * MINUTES);
      calm.interrupt();
      expect(await calm.ended).toMatchObject({ code: 0 });
    },
    8 * MINUTES,
  );
});

describe('replay', () => {
  test(
    'gives a store again what it has lost or has wrong, one aggregate or all, and says before what would change',
    async () => {
      const wrong = await product('Damaged in Redis', 6);
      const missing = await product('Lost in Redis', 6);
      const { config } = road;
      const views = await openStoreViews(config);
      releasers.push('views', () => views.close());
      const inventory = views.views.find((view) => view.view === 'inventory' && view.store === 'redis')!;
      const settings = { databaseUrl: config.databaseUrl, slotName: config.slotName, only: [wrong, missing] };
      const differences = async () => (await verifyView(inventory, settings)).differences.map(({ key }) => key).sort();
      expect(await differences()).toEqual([]);
      const redis = connectRedis();
      const key = (id: string) => `${config.redisKeyPrefix}inventory:${id}`;
      const held = JSON.parse((await redis.hget(key(wrong), 'data')) ?? '{}') as Record<string, unknown>;
      await redis.hset(key(wrong), 'data', JSON.stringify({ ...held, onHand: 777 }));
      await redis.del(key(missing));

      const topic = `${config.topicPrefix}views.inventory`;
      const log = createKafkaLog({ brokers: config.kafkaBrokers, clientId: 'tests', logger: silentLogger() });
      releasers.push('log', () => log.close());
      const codec = await createViewCodec(await createSchemaRegistry(config.schemaRegistryUrl), topic);
      const scope = { fromLsn: null, sinceMs: null, aggregates: null, tenant: null };
      const preview = () =>
        previewReplay(
          entriesOf(log, topic, codec, () => undefined),
          [inventory],
          scope,
        );
      const [before] = await preview();
      expect(before).toMatchObject({ missing: 1, different: 1, older: 0, deleted: 0 });
      expect([...before!.ids].sort()).toEqual([wrong, missing].sort());

      const sinks = new SinksClient(`http://127.0.0.1:${road.healthPorts['sinks']}`);
      const replayed = async (aggregates: readonly string[] | null): Promise<void> => {
        const names = await sinks.replay({
          view: 'inventory',
          sink: null,
          scope: { ...scope, aggregates: aggregates === null ? null : new Set(aggregates) },
          rate: null,
        });
        expect(names).toEqual(expect.arrayContaining(['redis', 'clickhouse']));
        await eventually(
          () => sinks.progress(names),
          (progress) => progress.every(({ state }) => state === 'done'),
        );
      };
      await replayed([missing]);
      expect(await differences()).toEqual([wrong]);
      await replayed(null);
      expect(await differences()).toEqual([]);
      expect((await preview())[0]).toMatchObject({ missing: 0, different: 0 });
    },
    2 * MINUTES,
  );
});

describe('a row with a value that no processor expects', () => {
  test(
    'is parked where the operator sees it, its product alone; once mended in the source it is dropped and read again',
    async () => {
      const log = createKafkaLog({ brokers: road.config.kafkaBrokers, clientId: 'tests', logger: silentLogger() });
      releasers.push('log', () => log.close());
      const topic = `${road.config.topicPrefix}cdc.catalog.dlq`;
      const before = await deadLetters(log, topic);
      const { rows } = await sql.query<{ id: string }>(
        `insert into commerce.products (sku, name, base_price) values ('SKU-NaN', 'Priceless lamp', 'NaN') returning product_id::text as id`,
      );
      const other = await product('Priced lamp', 4);
      const price = await eventually(
        () => call('GET', `/api/queries/products/${other}`),
        ({ status, body }) => status === 200 && body['price'] !== null,
      );
      expect(price.body['price']).toMatchObject({ amount: '19.90' });
      await eventually(
        () => deadLetters(log, topic),
        (count) => count > before,
      );
      const id = rows[0]!.id;
      const listed = await millrace(road, 'dlq', 'list', '--aggregate', id);
      const parked = {
        processor: 'pricing',
        topic: 'cdc.catalog',
        aggregate: id,
        state: 'parked',
        kind: 'record-malformed',
      };
      expect(listed).toMatchObject({
        code: 0,
        answers: [{ letters: expect.arrayContaining([expect.objectContaining(parked)]) }],
      });
      const shown = await millrace(road, 'dlq', 'show', id);
      expect(shown).toMatchObject({
        code: 0,
        answers: [{ letters: expect.arrayContaining([expect.objectContaining({ aggregate: id })]) }],
      });
      expect((await millrace(road, 'dlq', 'show', 'cdc.catalog.dlq/0/999999')).code).toBe(1);
      expect((await millrace(road, 'dlq', 'redrive')).code).toBe(2);
      const redriven = await millrace(road, 'dlq', 'redrive', '--aggregate', id);
      const again = (redriven.answers[0] as { aggregates: { done: number; waiting: number; error: string | null }[] })
        .aggregates;
      expect([redriven.code, again.length > 0]).toEqual([3, true]);
      expect(again.every(({ done, waiting, error }) => done === 0 && waiting > 0 && error !== null)).toBe(true);
      await sql.query('update commerce.products set base_price = 5 where product_id = $1', [id]);
      const said = await millrace(road, 'dlq', 'drop', '--aggregate', id, '--dry-run');
      expect(said).toMatchObject({ code: 0, answers: [{ dryRun: true }] });
      const dropped = await millrace(road, 'dlq', 'drop', '--aggregate', id);
      expect(dropped).toMatchObject({
        code: 0,
        answers: [{ readAgain: [expect.objectContaining({ state: 'done' })] }],
      });
      const mended = await eventually(
        () => call('GET', `/api/queries/products/${id}`),
        ({ status, body }) => status === 200 && body['price'] !== null,
      );
      expect(mended.body['price']).toMatchObject({ amount: '5.00' });
      expect(await millrace(road, 'dlq', 'list', '--aggregate', id, '--state', 'parked')).toMatchObject({
        code: 0,
        answers: [{ letters: [] }],
      });
      const audited = await sql.query<{ action: string }>(
        `select action from commerce.audit_log where entity_id = $1 order by at`,
        [id],
      );
      expect(audited.rows.map(({ action }) => action)).toEqual([
        ...again.map(() => 'dlq.redrive'),
        ...again.map(() => 'dlq.drop'),
      ]);
    },
    4 * MINUTES,
  );
});

test('no topic’s position went back at the WebSocket client', () => {
  expect(live.wentBack).toEqual([]);
});
