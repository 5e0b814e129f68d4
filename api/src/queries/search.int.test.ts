import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { dropTestIndices, testSearchServers } from '@millrace/infra-local/testing';
import { lsnText } from '@millrace/kernel/position';
import { createSearchClient } from '@millrace/kernel/search-client';
import type { SearchClient } from '@millrace/kernel/search-client';
import { DEMO_TENANT } from '@millrace/kernel/security';
import { searchAliasFilters, searchFieldsSince, searchIndex, searchNames } from '@millrace/schemas/stores';
import type { SearchNames } from '@millrace/schemas/stores';
import { DEFAULT_PARTITIONS } from '@millrace/schemas/topics';
import { startTestApi } from '../testing/test-api.ts';
import type { TestApi } from '../testing/test-api.ts';

jest.setTimeout(60_000);

/** The contract of searches, on every kind of search server, with the index that the sink creates. */
type Document = Readonly<Record<string, unknown>> & { readonly productId: string };

const product = (productId: string, fields: Readonly<Record<string, unknown>>): Document => ({
  productId,
  deleted: false,
  tenantId: DEMO_TENANT,
  sku: productId.toUpperCase(),
  status: 'active',
  name: productId,
  currency: 'USD',
  priceMinor: 5000,
  available: 5,
  inStock: true,
  popularity: 0,
  ratingScore: 350,
  createdAt: '2026-01-01T00:00:00.000Z',
  position: lsnText(5n),
  committedAt: '2026-01-01T00:00:00.000Z',
  ...fields,
});

const variant = (variantId: string, name: string, priceMinor: number, available: number) => ({
  ...{ variantId, sku: `V-${variantId}`, name, priceMinor, available, inStock: available > 0 },
});

/** Partition n of the generation is at `lsn` + n. */
async function storeMarks(client: SearchClient, names: SearchNames, generation: number, lsn: bigint): Promise<void> {
  await client.bulk({
    operations: Array.from({ length: DEFAULT_PARTITIONS }, (_, partition) => [
      { index: { _index: names.watermarksIndex, _id: names.watermarkId('catalog', partition) } },
      {
        view: 'catalog',
        generation,
        partition,
        position: lsnText(lsn + BigInt(partition)),
        committedAt: new Date().toISOString(),
        offset: '1',
      },
    ]).flat(),
  });
}

/** Mugs to be counted; and by the vendor Boosts, Shirts or Words what other tests are about. */
function examples(): Document[] {
  const mugs = Array.from({ length: 6 }, (_, n) =>
    product(`p${n}`, {
      deleted: n === 5,
      sku: `S-${n}`,
      status: n === 4 ? 'draft' : 'active',
      name: n === 0 ? 'Blue <mug>' : `Red mug ${n}`,
      vendor: n < 2 ? 'Acme' : 'Other',
      categoryPath: ['Home', 'Kitchen'],
      tagPairs: [n % 2 === 0 ? 'color:blue' : 'color:red'],
      tags: [{ name: 'color', value: n % 2 === 0 ? 'blue' : 'red' }],
      priceMinor: 1000 + n,
      inStock: n !== 3,
      available: n === 3 ? 0 : 5,
    }),
  );
  const lamp = { name: 'Desk lamp', vendor: 'Boosts' };
  const lamps = [
    product('lamp-plain', lamp),
    product('lamp-away', { ...lamp, available: 0, inStock: false }),
    product('lamp-sells', { ...lamp, popularity: 2000 }),
    product('lamp-liked', { ...lamp, ratingScore: 480 }),
    product('lamp-shade', { ...lamp, name: 'Shade', description: 'fits a desk lamp', popularity: 100_000 }),
  ];
  const shirts = [
    product('shirt', {
      ...{
        name: 'Shirt',
        vendor: 'Shirts',
        words: ['Shirt', 'Small', 'Medium', 'Large'],
        variantSkus: ['V-s', 'V-m', 'V-l'],
      },
      variants: [variant('s', 'Small', 1500, 0), variant('m', 'Medium', 2500, 3), variant('l', 'Large', 3500, 7)],
    }),
    product('shirt-one', { name: 'Shirt', vendor: 'Shirts', priceMinor: 1500 }),
  ];
  const words = [
    product('headphones', {
      name: 'Wireless Headphones',
      vendor: 'Words',
      words: ['Wireless Headphones', 'Words', 'Audio', 'black'],
    }),
    product('watches', { name: 'Steel Watches', vendor: 'Words', words: ['Steel Watches', 'Words'] }),
    product('cafe', { name: 'Café-Chair Wi-Fi', vendor: 'Words', words: ['Café-Chair Wi-Fi', 'Words', 'gift boxes'] }),
    product('heart', {
      name: 'Headphone Heart',
      vendor: 'Words',
      words: ['Headphone Heart', 'Words'],
      popularity: 5000,
    }),
  ];
  return [...mugs, ...lamps, ...shirts, ...words];
}

const token = (api: TestApi, lsn: bigint) => ({ 'millrace-position': api.positions.encode(lsn) });

for (const { name, url, flavor, runs } of testSearchServers()) {
  (runs ? describe : describe.skip)(`search on ${name}`, () => {
    const synonymsFile = join(tmpdir(), `millrace-synonyms-${flavor}-${randomUUID()}.txt`);
    let api: TestApi;
    beforeAll(async () => {
      await writeFile(synonymsFile, 'timepiece, watch');
      api = await startTestApi({ ELASTICSEARCH_URL: url, SEARCH_FLAVOR: flavor, SEARCH_SYNONYMS_FILE: synonymsFile });
      const client = createSearchClient(url, flavor);
      const names = searchNames(api.searchPrefix);
      await client.indices.create({
        index: names.productsIndex,
        ...searchIndex,
        aliases: {
          [names.presentAlias]: { filter: searchAliasFilters.present },
          [names.suggestedAlias]: { filter: searchAliasFilters.suggested },
        },
      });
      await client.indices.create({ index: names.watermarksIndex, settings: { number_of_replicas: 0 } });
      const documents = examples();
      await client.bulk({
        refresh: true,
        operations: documents.flatMap((document) => [
          { index: { _index: names.productsIndex, _id: document.productId } },
          document,
        ]),
      });
      await storeMarks(client, names, 1, 700n);
      await client.close();
    }, 60_000);
    afterAll(async () => {
      const client = createSearchClient(url, flavor);
      await dropTestIndices(client, api.searchPrefix);
      await client.close();
      await api.close();
      await rm(synonymsFile);
    });

    const ids = (answer: { body: Record<string, unknown> }) =>
      (answer.body['items'] as { productId: string }[]).map((item) => item.productId);
    const search = (query: string, headers = {}) => api.call('GET', `/api/search?${query}`, { as: 'nobody', headers });

    test('finds by text, marks what matched, and states the lowest position of the view', async () => {
      const answer = await search('q=blue&highlight=true');
      expect(answer).toMatchObject({ status: 200 });
      expect(ids(answer)[0]).toBe('p0');
      expect((answer.body['items'] as unknown as unknown[])[0]).toMatchObject({
        price: { amount: '10.00', currency: 'USD' },
        highlight: { name: ['<em>Blue</em> &lt;mug&gt;'] },
      });
      expect(api.positions.decode(answer.headers['millrace-position'] ?? '')).toBe(700n);
    });

    test.each([
      ['vendor=Acme&sort=price_asc', ['p0', 'p1']],
      ['tags=color:red', ['p1', 'p3']],
      ['vendor=Acme', ['p0', 'p1']],
      ['category=Kitchen&price_min=10.01&price_max=10.02', ['p1', 'p2']],
      ['category=Kitchen&in_stock=false', ['p3']],
      ['q=S-2', ['p2']],
      ['category=Kitchen&sort=price_desc', ['p3', 'p2', 'p1', 'p0']],
    ])('by %s', async (query, expected) => {
      const answer = await search(`sort=price_asc&${query}`.replace(/sort=price_asc&(.*sort=)/, '$1'));
      expect(ids(answer)).toEqual(expected);
    });

    test('goes on page by page without gap or repetition', async () => {
      const seen: string[] = [];
      let cursor = '';
      do {
        const answer = await search(
          `category=Kitchen&sort=price_asc&limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`,
        );
        seen.push(...ids(answer));
        cursor = (answer.body['nextCursor'] as unknown as string | null) ?? '';
      } while (cursor !== '');
      expect(seen).toEqual(['p0', 'p1', 'p2', 'p3']);
    });

    test('counts facets over all that is found, not only the page', async () => {
      const { body } = await search('category=Kitchen&facets=vendor,price,tags,in_stock&limit=1');
      expect(body['items']).toHaveLength(1);
      expect(body).toMatchObject({
        total: 4,
        facets: {
          vendor: [
            { value: 'Acme', count: 2 },
            { value: 'Other', count: 2 },
          ],
          tags: expect.arrayContaining([{ value: 'color:red', count: 2 }]),
          in_stock: expect.arrayContaining([{ value: 'false', count: 1 }]),
          price: { min: '10.00', max: '10.03' },
        },
      });
    });

    test('a facet counts what could be chosen instead of its own choice, and follows all others', async () => {
      const { body } = await search('category=Kitchen&vendor=Acme&price_max=10.02&facets=true&sort=price_asc');
      expect(ids({ body })).toEqual(['p0', 'p1']);
      expect(body).toMatchObject({
        total: 2,
        facets: {
          vendor: expect.arrayContaining([
            { value: 'Acme', count: 2 },
            { value: 'Other', count: 1 },
          ]),
          tags: expect.arrayContaining([{ value: 'color:red', count: 1 }]),
          price: { min: '10.00', max: '10.01' },
        },
      });
    });

    test('what fits as well comes first where it is in stock, sells or is liked; what fits better stays before it', async () => {
      const found = ids(await search('q=desk%20lamp&vendor=Boosts'));
      expect(found).toEqual(['lamp-sells', 'lamp-liked', 'lamp-plain', 'lamp-away', 'lamp-shade']);
      expect(ids(await search('vendor=Boosts&sort=relevance'))[0]).toBe('lamp-shade');
    });

    test('a product is found once, with the variants that fit', async () => {
      const shirt = async (query: string) => {
        const { body } = await search(`vendor=Shirts&${query}`);
        const items = body['items'] as unknown as { productId: string; variants: { variantId: string }[] }[];
        return items
          .map(({ productId, variants }) => [productId, ...variants.map(({ variantId }) => variantId)])
          .toSorted();
      };
      expect(await shirt('q=shirt')).toEqual([['shirt', 's', 'm', 'l'], ['shirt-one']]);
      expect(await shirt('price_min=20&price_max=30')).toEqual([['shirt', 'm']]);
      expect(await shirt('price_max=20')).toEqual([['shirt', 's'], ['shirt-one']]);
      expect(await shirt('price_max=20&in_stock=true')).toEqual([['shirt-one']]);
      expect((await shirt('q=shirt%20large'))[0]?.[1]).toBe('l');
      const { body } = await search('q=v-m');
      expect(body['items']).toMatchObject([
        {
          productId: 'shirt',
          variantCount: 3,
          variants: [{ variantId: 'm', price: { amount: '25.00', currency: 'USD' }, available: 3 }, {}, {}],
        },
      ]);
    });

    test.each([
      ['hedphones', ['headphones', 'heart']],
      ['wireles headfones', ['headphones']],
      ['headphone heart', ['heart']],
      ['watch', ['watches']],
      ['gift box', ['cafe']],
      ['cafe chairs', ['cafe']],
      ['wifi', ['cafe']],
      ['black audio headphones', ['headphones']],
      ['xyzzy', []],
    ])('%s finds %j: words mistyped, in other forms, without accents, spread over fields', async (text, expected) => {
      const found = ids(await search(`vendor=Words&q=${encodeURIComponent(text)}`));
      expect(found.toSorted()).toEqual(expected);
    });

    test('suggests what begins so, what sells first, also where a letter is wrong', async () => {
      const suggested = async (text: string) => {
        const { body } = await api.call('GET', `/api/queries/suggest?q=${encodeURIComponent(text)}`);
        return (body['suggestions'] as unknown as { productId: string }[]).map(({ productId }) => productId);
      };
      expect(await suggested('blue')).toEqual(['p0']);
      expect(await suggested('head')).toEqual(['heart', 'headphones']);
      expect(await suggested('wirlesss')).toEqual(['headphones']);
      expect(await suggested('wireless he')).toEqual(['headphones']);
    });

    test.each([
      ['cursor=abc', 'query.cursor'],
      ['limit=0', 'query.limit'],
      ['limit=x', 'query.limit'],
      ['sort=random', 'query.sort'],
      ['price_min=-1', 'query.price_min'],
      ['price_min=5&price_max=4', 'query.price_min'],
      ['tags=:x', 'query.tags'],
      ['facets=all', 'query.facets'],
      ['in_stock=maybe', 'query.in_stock'],
      ['colour=red', 'query.colour'],
    ])('refuses %s, naming %s', async (query, field) => {
      expect(await search(query)).toMatchObject({ status: 400, body: { errors: [{ field }] } });
    });

    test('synonyms are found, those of a changed file without a new start', async () => {
      const found = async (text: string) => ids(await search(`vendor=Words&q=${encodeURIComponent(text)}`));
      expect(await found('timepiece')).toEqual(['watches']);
      expect(await found('steel timepieces')).toEqual(['watches']);
      expect(await found('wrist clock')).toEqual([]);
      await writeFile(synonymsFile, 'timepiece, watch, wrist clock\nbeaker => mug');
      for (;;) {
        if ((await found('wrist clock')).length > 0) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(await found('timepiece')).toEqual(['watches']);
      expect(ids(await search('q=blue%20beaker'))[0]).toBe('p0');
    });

    test('an index of an earlier mapping version is searched with what it has', async () => {
      const client = createSearchClient(url, flavor);
      const names = searchNames(api.searchPrefix, 2);
      const isOld = ([field]: readonly [string, unknown]) => (searchFieldsSince[field] ?? 1) === 1;
      const properties = Object.fromEntries(Object.entries(searchIndex.mappings.properties).filter(isOld));
      await client.indices.create({
        index: names.productsIndex,
        ...{ ...searchIndex, mappings: { ...searchIndex.mappings, properties } },
        aliases: { [names.presentAlias]: {}, [names.suggestedAlias]: {} },
      });
      const documents = examples().map((document) => Object.fromEntries(Object.entries(document).filter(isOld)));
      await client.bulk({
        refresh: true,
        operations: documents.flatMap((document) => [
          { index: { _index: names.productsIndex, _id: document['productId'] as string } },
          document,
        ]),
      });
      await storeMarks(client, names, 2, 800n);
      const activate = (generation: number) =>
        client.index({ index: names.watermarksIndex, id: names.activeId, document: { view: 'catalog', generation } });
      await activate(2);
      await search('q=mug', { ...token(api, 800n), 'millrace-wait': '20000' });
      const { body } = await search('q=shirt&price_max=20');
      expect(body['items']).toMatchObject([{ productId: 'shirt-one', variants: [], variantCount: 0 }]);
      expect(ids(await search('q=desk%20lamp&facets=true'))[0]).not.toBe('lamp-away');
      expect((await api.call('GET', '/api/queries/suggest?q=blue')).body['suggestions']).toHaveLength(1);
      await activate(1);
      await client.close();
      const shownNow = async () => api.positions.decode((await search('q=mug')).headers['millrace-position'] ?? '');
      while ((await shownNow()) !== 700n) await new Promise((resolve) => setTimeout(resolve, 20));
    });

    test('with a token the index has not reached is 503 after the wait', async () => {
      const answer = await search('q=mug', { ...token(api, 701n), 'millrace-wait': '5' });
      expect(answer).toMatchObject({ status: 503, body: { type: '/problems/view-behind' } });
      expect((await search('q=mug', token(api, 700n))).status).toBe(200);
    });
  });
}
