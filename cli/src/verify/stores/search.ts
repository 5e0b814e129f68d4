import { lsnFromText } from '@millrace/kernel/position';
import { searchFields, searchNames } from '@millrace/schemas/stores';
import type { CliConfig } from '../../config/index.ts';
import type { StoreClients } from '../../lag/store-clients.ts';
import { appliedByAll, searchGeneration, searchMarks } from '../../lag/watermarks.ts';
import { digestOf } from '../digest.ts';
import type { HeldDigest, HeldDocument, StoreView } from '../store-view.ts';

interface SearchProduct {
  readonly productId: string;
  readonly sku: string;
  readonly name: string;
  readonly description?: string | null;
  readonly status: string;
  readonly categoryPath: readonly string[];
  readonly vendor?: string | null;
  readonly tagPairs?: readonly string[];
  readonly priceMinor?: number | null;
  readonly currency?: string | null;
  readonly available: number;
  readonly inStock: boolean;
  readonly ratingCount?: number;
  readonly position: string;
}

const PAGE = 2000;

const compared: readonly (keyof SearchProduct)[] = [
  ...([
    'productId',
    'sku',
    'name',
    'description',
    'status',
    'categoryPath',
    'vendor',
    'tagPairs',
    'priceMinor',
  ] as const),
  ...(['currency', 'available', 'inStock', 'ratingCount', 'position'] as const),
];

/** `generation`: null for what other programs see under the alias. */
export function searchStoreViews(clients: StoreClients, config: CliConfig, generation: number | null): StoreView[] {
  const names = searchNames(config.searchIndexPrefix, generation ?? undefined);
  const index = generation === null ? names.productsAlias : names.presentAlias;
  return [
    {
      view: 'catalog',
      store: 'elasticsearch',
      kind: 'product',
      expected: searchForm,
      isRanged: true,
      generation: async () => generation ?? (await searchGeneration(clients, config)),
      applied: async () =>
        appliedByAll(await searchMarks(clients, config, generation ?? undefined), 'catalog', config.partitions),
      async fetch(ids) {
        const found = await clients.search.search<SearchProduct>({
          index,
          size: ids.length,
          query: { terms: { [searchFields.productId]: [...ids] } },
        });
        const held = new Map<string, HeldDocument>();
        for (const { _source: product } of found.hits.hits) {
          if (product !== undefined) held.set(product.productId, heldForm(product));
        }
        return held;
      },
      async digests({ after, upTo }) {
        const held: HeldDigest[] = [];
        const range = { ...(after === null ? {} : { gt: after }), ...(upTo === null ? {} : { lte: upTo }) };
        let last: string | undefined;
        for (;;) {
          const found = await clients.search.search<SearchProduct>({
            index,
            size: PAGE,
            _source: [...compared],
            query: Object.keys(range).length === 0 ? { match_all: {} } : { range: { [searchFields.productId]: range } },
            sort: [{ [searchFields.productId]: 'asc' }],
            ...(last === undefined ? {} : { search_after: [last] }),
            track_total_hits: false,
          });
          for (const { _source: product } of found.hits.hits) {
            if (product === undefined) continue;
            const { document } = heldForm(product);
            held.push({
              id: product.productId,
              position: product.position,
              digest: digestOf(JSON.stringify(document)),
            });
          }
          last = held.at(-1)?.id;
          if (found.hits.hits.length < PAGE) return held;
        }
      },
      async *ids() {
        let after: string | undefined;
        for (;;) {
          const found = await clients.search.search<SearchProduct>({
            index,
            size: PAGE,
            _source: [searchFields.productId],
            sort: [{ [searchFields.productId]: 'asc' }],
            ...(after === undefined ? {} : { search_after: [after] }),
          });
          const ids = found.hits.hits.flatMap(({ _source: product }) =>
            product === undefined ? [] : [product.productId],
          );
          if (ids.length === 0) return;
          yield ids;
          after = ids.at(-1);
        }
      },
    },
  ];
}

/** What the index holds of a product, out of the comparable form. */
function searchForm(document: Record<string, unknown>): Record<string, unknown> {
  const { sku, name, description, status, categoryPath, vendor, ratingCount } = document;
  const tags = document['tags'] as Record<string, string | null>;
  const { available } = document['stock'] as { available: number };
  const [amount, currency] = document['price'] as [string, string];
  return {
    sku,
    name,
    description,
    status,
    categoryPath,
    vendor,
    tags: Object.entries(tags)
      .map(([tag, value]) => `${tag}:${value ?? ''}`)
      .toSorted(),
    priceMinor: Number(amount.replace('.', '')),
    currency,
    available,
    inStock: available > 0,
    ratingCount,
  };
}

function heldForm(product: SearchProduct): HeldDocument {
  return {
    position: lsnFromText(product.position),
    document: {
      sku: product.sku,
      name: product.name,
      description: product.description ?? null,
      status: product.status,
      categoryPath: product.categoryPath,
      vendor: product.vendor ?? null,
      tags: (product.tagPairs ?? []).toSorted(),
      priceMinor: product.priceMinor ?? null,
      currency: product.currency ?? null,
      available: product.available,
      inStock: product.inStock,
      ratingCount: product.ratingCount ?? 0,
    },
  };
}
