import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { dropTestIndices, testSearchServers } from '@millrace/infra-local/testing';
import { createSearchClient } from '@millrace/kernel/search-client';
import { searchFields, searchFieldsSince, searchIndex, searchNames } from '@millrace/schemas/stores';
import { silentObserver } from '../port/index.ts';
import type { Refusal } from '../port/index.ts';
import { sinkContract } from '../port/testing/contract.ts';
import { batchWith, entryAt, exampleProduct } from '../port/testing/examples.ts';
import { ElasticsearchSink } from './index.ts';

jest.setTimeout(60_000);

for (const { name, url, flavor, runs } of testSearchServers()) {
  (runs ? describe : describe.skip)(`on ${name}`, () => {
    const client = createSearchClient(url, flavor);
    const base = `test-sinks-${process.pid}-${Date.now()}-`;
    let stores = 0;
    const newPrefix = (): string => `${base}${++stores}-`;

    afterAll(async () => {
      await drop(base);
      await client.close();
    });

    async function drop(prefix: string): Promise<void> {
      await dropTestIndices(client, prefix);
    }

    /** What the alias finds, by id, without asking for a refresh: only what the sink has made findable. */
    async function contentsOf(prefix: string): Promise<Record<string, unknown>> {
      const { hits } = await client.search<Record<string, unknown>>({
        index: searchNames(prefix).productsAlias,
        size: 1000,
        version: true,
      });
      return Object.fromEntries(hits.hits.map(({ _id = '', _version, _source }) => [_id, { _version, _source }]));
    }

    async function openSink(indexPrefix: string): Promise<ElasticsearchSink> {
      const sink = new ElasticsearchSink({ url, flavor, indexPrefix, refreshIntervalMs: 50 });
      await sink.open(silentObserver);
      return sink;
    }

    sinkContract(
      'elasticsearch',
      () => {
        const indexPrefix = newPrefix();
        return Promise.resolve({
          createSink: (at = url) => new ElasticsearchSink({ url: at, flavor, indexPrefix, refreshIntervalMs: 50 }),
          contents: () => contentsOf(indexPrefix),
          drop: () => drop(indexPrefix),
        });
      },
      { seeds: [1, 2], url },
    );

    describe('the search sink', () => {
      test('products are found by word parts, without accents, by beginnings, by tag pairs and by scaled price', async () => {
        const prefix = newPrefix();
        const names = searchNames(prefix);
        const sink = await openSink(prefix);
        const tags = [{ tagId: 't', name: 'color', value: 'red' }];
        const price = { amount: '19.90', currency: 'EUR' };
        const named = (id: string, name: string) =>
          entryAt('product', id, 1n, { ...exampleProduct, name, tags, price });
        await sink.write([
          batchWith(
            named('p1', 'Wi-Fi 6E Routers'),
            named('p2', 'Café Chairs'),
            entryAt('product', 'p3', 1n, { ...exampleProduct, name: 'Café Table', status: 'draft', price: null }),
          ),
        ]);
        await sink.flush();
        const ids = async (index: string, query: object): Promise<string[]> => {
          const { hits } = await client.search({ index, query, sort: [{ productId: 'asc' }] });
          return hits.hits.map(({ _id }) => _id ?? '');
        };
        const text = (query: string) => ({ match: { [searchFields.name]: { query, operator: 'and' } } });
        for (const query of ['wi-fi 6e router', 'WiFi 6E', 'router', 'ROUTERS wi fi']) {
          expect([query, await ids(names.productsAlias, text(query))]).toEqual([query, ['p1']]);
        }
        expect(await ids(names.productsAlias, text('cafe'))).toEqual(['p2', 'p3']);
        expect(await ids(names.suggestionsAlias, { match: { [searchFields.namePrefix]: 'caf' } })).toEqual(['p2']);
        expect(await ids(names.productsAlias, { term: { [searchFields.tagPairs]: 'color:red' } })).toEqual([
          'p1',
          'p2',
        ]);
        expect(
          await ids(names.productsAlias, { range: { [searchFields.priceMinor]: { gte: 1990, lte: 1990 } } }),
        ).toEqual(['p1', 'p2']);
        await sink.close();
      });

      test('an index of an earlier mapping version is fed what it can hold, one of a later is refused', async () => {
        const prefix = newPrefix();
        const { productsIndex } = searchNames(prefix);
        const isOld = ([field]: readonly [string, unknown]) => (searchFieldsSince[field] ?? 1) === 1;
        const properties = Object.fromEntries(Object.entries(searchIndex.mappings.properties).filter(isOld));
        const aliases = { [searchNames(prefix).productsAlias]: {} };
        const mapping = (mappingVersion: number) => ({
          ...searchIndex,
          mappings: { ...searchIndex.mappings, _meta: { mappingVersion }, properties },
        });
        await client.indices.create({ index: productsIndex, ...mapping(1), aliases });
        const sink = await openSink(prefix);
        expect(sink.advice).toContain('`millrace rebuild catalog` makes one of version');
        await sink.write([batchWith(entryAt('product', 'p1', 1n, exampleProduct))]);
        await sink.flush();
        const { p1 } = await contentsOf(prefix);
        expect(p1).toMatchObject({ _source: { name: exampleProduct.name } });
        expect((p1 as { _source: object })._source).not.toHaveProperty(searchFields.variants);
        await sink.close();
        const later = newPrefix();
        await client.indices.create({ index: searchNames(later).productsIndex, ...mapping(99) });
        await expect(openSink(later)).rejects.toMatchObject({
          kind: 'store-rejected',
          message: expect.stringContaining('mapping version 99'),
        });
      });

      const undated = (id: string, lsn: bigint) =>
        entryAt('product', id, lsn, { ...exampleProduct, createdAt: 'no date at all' });

      test('a document that does not fit is told before a mark passes it, and all others are written', async () => {
        const prefix = newPrefix();
        const sink = new ElasticsearchSink({ url, flavor, indexPrefix: prefix, refreshIntervalMs: 50 });
        const refused: Refusal[] = [];
        let keep = (): void => undefined;
        const kept = new Promise<void>((resolve) => (keep = resolve));
        await sink.open({
          ...silentObserver,
          refused: (refusals) => {
            refused.push(...refusals);
            return kept;
          },
        });
        const writing = sink.write([
          batchWith(
            entryAt('product', 'p1', 1n, exampleProduct),
            undated('p2', 2n),
            entryAt('product', 'p3', 3n, exampleProduct),
          ),
        ]);
        while (refused.length === 0) await new Promise(setImmediate);
        await sink.flush();
        expect(await sink.positions()).toEqual([]);
        keep();
        await writing;
        await sink.flush();
        expect(refused.map(({ entry }) => entry.id)).toEqual(['p2']);
        expect(refused[0]?.error).toMatchObject({
          kind: 'store-rejected',
          message: expect.stringContaining('createdAt'),
        });
        expect(Object.keys(await contentsOf(prefix)).sort()).toEqual(['p1', 'p3']);
        expect((await sink.positions()).map(({ offset }) => offset)).toEqual([3n]);
        await sink.close();
      });

      test.each([
        ['a number out of range', { stock: { available: 2 ** 40, status: 'in_stock' as const } }],
        ['a term longer than an index holds', { vendor: 'x'.repeat(40_000) }],
      ])('%s is of the document alone', async (_what, unfit) => {
        const prefix = newPrefix();
        const sink = new ElasticsearchSink({ url, flavor, indexPrefix: prefix, refreshIntervalMs: 50 });
        const refused: Refusal[] = [];
        await sink.open({
          ...silentObserver,
          refused: (refusals) => {
            refused.push(...refusals);
            return Promise.resolve();
          },
        });
        await sink.write([
          batchWith(
            entryAt('product', 'p1', 1n, { ...exampleProduct, ...unfit }),
            entryAt('product', 'p2', 2n, exampleProduct),
          ),
        ]);
        await sink.flush();
        expect(refused.map(({ entry, error }) => [entry.id, error.kind])).toEqual([['p1', 'store-rejected']]);
        expect(Object.keys(await contentsOf(prefix))).toEqual(['p2']);
        await sink.close();
      });

      test('what a full disk refuses is tried again, then waited for', async () => {
        const prefix = newPrefix();
        const sink = await openSink(prefix);
        const index = searchNames(prefix).productsIndex;
        const block = (on: true | null) =>
          client.indices.putSettings({ index, settings: { 'index.blocks.read_only_allow_delete': on } });
        const batch = batchWith(entryAt('product', 'p1', 1n, exampleProduct));
        await block(true);
        await expect(sink.write([batch])).rejects.toMatchObject({ kind: 'store-unavailable' });
        await block(null);
        await sink.open(silentObserver);
        await sink.write([batch]);
        await sink.flush();
        expect((await sink.positions()).map(({ offset }) => offset)).toEqual([1n]);
        await sink.close();
      });

      test('where every one of many documents is refused the index is wrong: it halts', async () => {
        const sink = await openSink(newPrefix());
        const many = Array.from({ length: 20 }, (_, i) => undated(`p${i}`, BigInt(i + 1)));
        await expect(sink.write([batchWith(...many)])).rejects.toMatchObject({ kind: 'store-rejected' });
        expect(await sink.positions()).toEqual([]);
        await sink.close();
      });

      test('what is refused for no fault of the document halts', async () => {
        const prefix = newPrefix();
        const sink = await openSink(prefix);
        const index = searchNames(prefix).productsIndex;
        await client.indices.putSettings({ index, settings: { 'index.blocks.read_only': true } });
        const write = sink.write([batchWith(entryAt('product', 'p1', 1n, exampleProduct))]);
        await expect(write).rejects.toMatchObject({ kind: 'store-rejected' });
        await client.indices.putSettings({ index, settings: { 'index.blocks.read_only': null } });
        await sink.close();
      });
    });
  });
}
