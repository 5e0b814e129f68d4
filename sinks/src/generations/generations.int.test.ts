import { afterAll, describe, expect, test } from '@jest/globals';
import { redisKeys, testEngines } from '@millrace/infra-local/testing';
import { createSearchClient } from '@millrace/kernel/search-client';
import { clickhouseNames, redisNames, searchNames } from '@millrace/schemas/stores';
import type { GenerationOf } from '@millrace/schemas/stores';
import { createClickhouse } from '../clickhouse/client.ts';
import { ClickhouseGenerations, ClickhouseSink } from '../clickhouse/index.ts';
import { ElasticsearchSink, SearchGenerations } from '../elasticsearch/index.ts';
import { silentObserver } from '../port/index.ts';
import type { Sink, StoreGenerations } from '../port/index.ts';
import { batchWith, entryAt, exampleProduct } from '../port/testing/examples.ts';
import { createRedis } from '../redis/client.ts';
import { RedisGenerations, RedisSink } from '../redis/index.ts';

const engines = testEngines();
const id = `${process.pid}${Date.now()}`;
const keyPrefix = `test:generations:${id}:`;
const indexPrefix = `test-generations-${id}-`;
const database = `test_generations_${id}`;

interface Store {
  readonly name: string;
  createSink(generation: number): Sink;
  readonly generations: StoreGenerations;
  /** Names of the products that readers of the store see. */
  seen(): Promise<string[]>;
  /** Whatever is left of a generation, marks included. */
  remains(generation: number): Promise<number>;
  clean(): Promise<void>;
}

function redisStore(): Store {
  const redis = createRedis(engines.redisUrl);
  const keys = (pattern: string) => redisKeys(redis, pattern);
  return {
    name: 'redis',
    createSink: (generation) =>
      new RedisSink({
        url: engines.redisUrl,
        keyPrefix,
        generation,
        ...(generation > 1 ? { views: ['catalog'] } : {}),
      }),
    generations: new RedisGenerations({ url: engines.redisUrl, keyPrefix }),
    async seen() {
      if (redis.status !== 'ready') await redis.connect();
      const active = Number((await redis.hget(redisNames(keyPrefix).generations, 'catalog')) ?? 1);
      const names = redisNames(keyPrefix, () => active);
      const data = await redis.hget(names.entry('product', 'p1') ?? '', 'data');
      return data === null ? [] : [(JSON.parse(data) as { name: string }).name];
    },
    remains: async (generation) =>
      (await keys(`${keyPrefix}${generation === 1 ? '[^gm]' : `g${generation}:`}*`)).length,
    async clean() {
      const all = await keys(`${keyPrefix}*`);
      if (all.length > 0) await redis.del(...all);
      redis.disconnect();
    },
  };
}

function searchStore(): Store {
  const client = createSearchClient(engines.elasticsearchUrl, engines.searchFlavor);
  const options = { url: engines.elasticsearchUrl, flavor: engines.searchFlavor, indexPrefix };
  return {
    name: 'elasticsearch',
    createSink: (generation) => new ElasticsearchSink({ ...options, generation, refreshIntervalMs: 1 }),
    generations: new SearchGenerations(options),
    async seen() {
      const { hits } = await client.search<{ name: string }>({ index: searchNames(indexPrefix).productsAlias });
      return hits.hits.flatMap(({ _source }) => (_source === undefined ? [] : [_source.name]));
    },
    async remains(generation) {
      const names = searchNames(indexPrefix, generation);
      const exists = await client.indices.exists({ index: names.productsIndex });
      const { count } = await client.count({ index: names.watermarksIndex, query: { term: { generation } } });
      return (exists ? 1 : 0) + count;
    },
    async clean() {
      await client.indices.delete({ index: `${indexPrefix}*` });
      await client.close();
    },
  };
}

function clickhouseStore(): Store {
  const client = createClickhouse(engines.clickhouseUrl);
  const rows = async <T>(query: string): Promise<T[]> =>
    (await client.query({ query, format: 'JSONEachRow' })).json<T>();
  return {
    name: 'clickhouse',
    createSink: (generation) =>
      new ClickhouseSink({
        url: engines.clickhouseUrl,
        database,
        customerSecret: 'k',
        generation,
        ...(generation > 1 ? { views: ['catalog'] } : {}),
      }),
    generations: new ClickhouseGenerations({ url: engines.clickhouseUrl, database }),
    seen: async () =>
      (await rows<{ name: string }>(`select name from ${clickhouseNames(database).view('products')}`)).map(
        ({ name }) => name,
      ),
    async remains(generation) {
      const tables = await rows(
        `select name from system.tables where database = '${database}' and name like '%products_g${generation}'`,
      );
      const marks = await rows(
        `select 1 from ${clickhouseNames(database).tables.watermarks} where view = 'catalog' and generation = ${generation}`,
      );
      return tables.length + marks.length;
    },
    async clean() {
      await client.command({ query: `drop database if exists ${database}` });
      await client.close();
    },
  };
}

const stores = [redisStore(), searchStore(), clickhouseStore()];
afterAll(() => Promise.all(stores.map((store) => store.clean())));

const active =
  (generation: number): GenerationOf =>
  (view) =>
    view === 'catalog' ? generation : 1;

async function fill(store: Store, generation: number, name: string): Promise<void> {
  const sink = store.createSink(generation);
  await sink.open(silentObserver);
  await sink.write([batchWith(entryAt('product', 'p1', 10n, { ...exampleProduct, name }))]);
  await sink.flush();
  await sink.close();
}

describe.each(stores)('generations in $name', (store) => {
  test('readers see the one that is exposed; another is filled beside it, dropped whole, and found while anything is left', async () => {
    const { generations } = store;
    await fill(store, 1, 'first');
    await generations.open();
    await generations.expose(active(1));
    expect(await store.seen()).toEqual(['first']);
    await fill(store, 2, 'second');
    expect(await store.seen()).toEqual(['first']);
    await generations.expose(active(2));
    expect(await store.seen()).toEqual(['second']);
    await generations.expose(active(1));
    await generations.expose(active(1));
    expect(await store.seen()).toEqual(['first']);
    await generations.expose(active(2));
    const of = async (generation: number) =>
      (await generations.held()).filter((one) => one.view === 'catalog' && one.generation === generation).length;
    expect([await of(1), await of(2)]).toEqual([1, 1]);
    await generations.drop({ view: 'catalog', generation: 1 });
    await generations.drop({ view: 'catalog', generation: 1 });
    expect([await of(1), await of(2)]).toEqual([0, 1]);
    expect(await store.seen()).toEqual(['second']);
    expect(await store.remains(1)).toBe(0);
    expect(await store.remains(2)).toBeGreaterThan(0);
    const again = store.createSink(2);
    await again.open(silentObserver);
    expect((await again.positions()).filter(({ view }) => view === 'catalog')).toHaveLength(1);
    await again.close();
    await generations.close();
  }, 180_000);
});
