import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { dropTestIndices, testSearchServers } from '@millrace/infra-local/testing';
import { lsnText } from '@millrace/kernel/position';
import { createSearchClient } from '@millrace/kernel/search-client';
import { DEMO_TENANT } from '@millrace/kernel/security';
import { searchAliasFilters, searchIndex, searchNames } from '@millrace/schemas/stores';
import { DEFAULT_PARTITIONS } from '@millrace/schemas/topics';
import { startTestApi } from '../testing/test-api.ts';
import type { TestApi } from '../testing/test-api.ts';

jest.setTimeout(60_000);

/** The contract of searches, on every kind of search server, with the index that the sink creates. */
const token = (api: TestApi, lsn: bigint) => ({ 'millrace-position': api.positions.encode(lsn) });

for (const { name, url, flavor, runs } of testSearchServers()) {
  (runs ? describe : describe.skip)(`search on ${name}`, () => {
    let api: TestApi;
    beforeAll(async () => {
      api = await startTestApi({ ELASTICSEARCH_URL: url, SEARCH_FLAVOR: flavor });
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
      const documents = Array.from({ length: 6 }, (_, n) => ({
        productId: `p${n}`,
        deleted: n === 5,
        tenantId: DEMO_TENANT,
        sku: `S-${n}`,
        status: n === 4 ? 'draft' : 'active',
        name: n === 0 ? 'Blue <mug>' : `Red mug ${n}`,
        vendor: n < 2 ? 'Acme' : 'Other',
        categoryPath: ['Home', 'Kitchen'],
        tagPairs: [n % 2 === 0 ? 'color:blue' : 'color:red'],
        tags: [{ name: 'color', value: n % 2 === 0 ? 'blue' : 'red' }],
        priceMinor: 1000 + n,
        currency: 'USD',
        inStock: n !== 3,
        available: n,
        createdAt: '2026-01-01T00:00:00.000Z',
        position: lsnText(5n),
        committedAt: '2026-01-01T00:00:00.000Z',
      }));
      await client.bulk({
        refresh: true,
        operations: documents.flatMap((document) => [
          { index: { _index: names.productsIndex, _id: document.productId } },
          document,
        ]),
      });
      await client.bulk({
        operations: Array.from({ length: DEFAULT_PARTITIONS }, (_, partition) => [
          { index: { _index: names.watermarksIndex, _id: names.watermarkId('catalog', partition) } },
          {
            view: 'catalog',
            generation: 1,
            partition,
            position: lsnText(700n + BigInt(partition)),
            committedAt: new Date().toISOString(),
            offset: '1',
          },
        ]).flat(),
      });
      await client.close();
    }, 60_000);
    afterAll(async () => {
      const client = createSearchClient(url, flavor);
      await dropTestIndices(client, api.searchPrefix);
      await client.close();
      await api.close();
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
      ['tags=color:red', ['p1', 'p3']],
      ['vendor=Acme', ['p0', 'p1']],
      ['category=Kitchen&price_min=10.01&price_max=10.02', ['p1', 'p2']],
      ['in_stock=false', ['p3']],
      ['q=S-2', ['p2']],
      ['sort=price_desc', ['p3', 'p2', 'p1', 'p0']],
    ])('by %s', async (query, expected) => {
      const answer = await search(`sort=price_asc&${query}`.replace(/sort=price_asc&(.*sort=)/, '$1'));
      expect(ids(answer)).toEqual(expected);
    });

    test('goes on page by page without gap or repetition', async () => {
      const seen: string[] = [];
      let cursor = '';
      do {
        const answer = await search(`sort=price_asc&limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
        seen.push(...ids(answer));
        cursor = (answer.body['nextCursor'] as unknown as string | null) ?? '';
      } while (cursor !== '');
      expect(seen).toEqual(['p0', 'p1', 'p2', 'p3']);
    });

    test('counts facets', async () => {
      const { body } = await search('facets=vendor,price,tags');
      expect(body).toMatchObject({
        total: 4,
        facets: {
          vendor: expect.arrayContaining([{ value: 'Acme', count: 2 }]),
          price: { min: '10.00', max: '10.03' },
        },
      });
    });

    test('suggests', async () => {
      expect((await api.call('GET', '/api/queries/suggest?q=blue')).body).toMatchObject({
        suggestions: [{ productId: 'p0' }],
      });
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

    test('with a token the index has not reached is 503 after the wait', async () => {
      const answer = await search('q=mug', { ...token(api, 701n), 'millrace-wait': '5' });
      expect(answer).toMatchObject({ status: 503, body: { type: '/problems/view-behind' } });
      expect((await search('q=mug', token(api, 700n))).status).toBe(200);
    });
  });
}
