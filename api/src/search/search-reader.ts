import type { SearchClient } from '@millrace/kernel/search-client';
import { lsnFromText } from '@millrace/kernel/position';
import { amountFromMinor, searchNames } from '@millrace/schemas/stores';
import type { AppliedMark, SearchGeneration, SearchWatermark, ViewName } from '@millrace/schemas/stores';
import { ActiveGenerations } from '../views/active-generations.ts';
import type { Marks } from '../views/watermark-waiter.ts';
import { searchError } from './search-error.ts';
import { VARIANTS, searchBody, suggestBody } from './query.ts';
import type { SearchRequest } from './query.ts';
import type { SynonymSource } from './synonym-file.ts';

export interface FoundProduct {
  readonly productId: string;
  readonly sku: string;
  readonly name: string;
  readonly categoryPath: readonly string[];
  readonly vendorId: string | null;
  readonly vendor: string | null;
  readonly tags: readonly { readonly name: string; readonly value: string | null }[];
  readonly price: { readonly amount: string; readonly currency: string } | null;
  readonly stock: { readonly available: number; readonly inStock: boolean };
  readonly rating: { readonly average: number | null; readonly count: number };
  readonly imageUrl: string | null;
  /** Those that have what was asked for, at most ten, the ones that the words name first. */
  readonly variants: readonly FoundVariant[];
  /** All that have. */
  readonly variantCount: number;
  readonly position: string;
  readonly committedAt: string;
  readonly score: number | null;
  readonly highlight?: Readonly<Record<string, readonly string[]>>;
}

export interface FoundVariant {
  readonly variantId: string;
  readonly sku: string;
  readonly name: string | null;
  readonly price: { readonly amount: string; readonly currency: string } | null;
  readonly available: number;
}

export interface Found {
  readonly items: readonly FoundProduct[];
  readonly total: number;
  /** False where there are more than `total`. */
  readonly totalIsExact: boolean;
  readonly facets: Readonly<Record<string, unknown>>;
  /** Sort values of the last item, where there are more. */
  readonly next: readonly (string | number | null)[] | null;
}

/**
 * The search server as queries see it: searches and suggestions are of the generation that was active when marks were read last, so an answer and
 * its mark are of one generation. Throws `store-unavailable` while the server or its index is away.
 */
export interface SearchReader {
  search(request: SearchRequest): Promise<Found>;
  suggest(tenantId: string, text: string, limit: number): Promise<{ productId: string; name: string }[]>;
  marks(view: ViewName): Promise<Marks>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

interface Hit {
  readonly _source?: Readonly<Record<string, unknown>>;
  readonly _score?: number | null;
  readonly sort?: readonly (string | number | null)[];
  readonly highlight?: Readonly<Record<string, readonly string[]>>;
  readonly inner_hits?: Readonly<Record<string, Pick<SearchAnswer, 'hits'>>>;
}

interface SearchAnswer {
  readonly hits: {
    readonly hits: readonly Hit[];
    readonly total: { readonly value: number; readonly relation: string };
  };
  readonly aggregations?: Readonly<Record<string, { readonly counted: Facet }>>;
}

interface Facet {
  readonly buckets?: readonly { readonly key: unknown; readonly key_as_string?: string; readonly doc_count: number }[];
  readonly min?: number | null;
  readonly max?: number | null;
}

export interface SearchReaderOptions {
  /** SEARCH_INDEX_PREFIX. */
  readonly prefix: string;
  readonly partitions: number;
  readonly synonyms: SynonymSource;
}

export function createSearchReader(
  client: SearchClient,
  { prefix, partitions, synonyms }: SearchReaderOptions,
): SearchReader {
  const generations = new ActiveGenerations();
  const namesNow = () => searchNames(prefix, generations.of('catalog'));
  const asked = async <T>(path: string, body: unknown): Promise<T> => {
    try {
      return await client.transport.request<T>({ method: 'POST', path, body: body as Record<string, unknown> });
    } catch (error) {
      throw searchError(error);
    }
  };
  const searchPath = (index: string) => `/${encodeURIComponent(index)}/_search`;
  return {
    async search(request) {
      const alternatives = request.text === undefined ? [] : await synonyms.alternatives(request.text);
      const body = searchBody(request, alternatives);
      const answer = await asked<SearchAnswer>(searchPath(namesNow().presentAlias), body);
      const { hits, total } = answer.hits;
      const shown = hits.slice(0, request.limit);
      return {
        items: shown.map(product),
        total: total.value,
        totalIsExact: total.relation === 'eq',
        facets: Object.fromEntries(
          Object.entries(answer.aggregations ?? {}).map(([name, one]) => [name, facet(one.counted)]),
        ),
        next: hits.length > request.limit ? (shown.at(-1)?.sort ?? null) : null,
      };
    },
    async suggest(tenantId, text, limit) {
      const answer = await asked<SearchAnswer>(
        searchPath(namesNow().suggestedAlias),
        suggestBody(tenantId, text, limit),
      );
      return answer.hits.hits.map(({ _source = {} }) => ({
        productId: String(_source['productId']),
        name: String(_source['name']),
      }));
    },
    async marks(view) {
      for (;;) {
        const names = namesNow();
        const ids = Array.from({ length: partitions }, (_, partition) => names.watermarkId(view, partition));
        const { docs } = await asked<{ docs: readonly { found?: boolean; _source?: unknown }[] }>(
          `/${encodeURIComponent(names.watermarksIndex)}/_mget`,
          { ids: [names.activeId, ...ids] },
        );
        const [active, ...marks] = docs.map(({ found, _source }) => (found === true ? _source : undefined));
        if (generations.learn(view, (active as SearchGeneration | undefined)?.generation)) continue;
        const known = marks.filter((mark) => mark !== undefined) as SearchWatermark[];
        return new Map(known.map((mark) => [mark.partition, markOf(mark)]));
      }
    },
    async ping() {
      try {
        await client.ping();
      } catch (error) {
        throw searchError(error);
      }
    },
    close: () => client.close(),
  };
}

function markOf(document: SearchWatermark): AppliedMark {
  return {
    lsn: lsnFromText(document.position),
    committedAtMs: Date.parse(document.committedAt),
    offset: BigInt(document.offset),
  };
}

function product({ _source = {}, _score, highlight, inner_hits }: Hit): FoundProduct {
  const text = (name: string): string | null => (typeof _source[name] === 'string' ? _source[name] : null);
  const number = (name: string): number | null => (typeof _source[name] === 'number' ? _source[name] : null);
  const minor = number('priceMinor');
  const currency = text('currency') ?? 'USD';
  const variants = inner_hits?.[VARIANTS]?.hits;
  return {
    productId: text('productId') ?? '',
    sku: text('sku') ?? '',
    name: text('name') ?? '',
    categoryPath: list(_source['categoryPath']) as string[],
    vendorId: text('vendorId'),
    vendor: text('vendor'),
    tags: list(_source['tags']) as FoundProduct['tags'],
    price: minor === null ? null : { amount: amountFromMinor(minor), currency },
    stock: { available: number('available') ?? 0, inStock: _source['inStock'] === true },
    rating: { average: number('rating'), count: number('ratingCount') ?? 0 },
    imageUrl: text('imageUrl'),
    variants: (variants?.hits ?? []).map((hit) => variant(hit, currency)),
    variantCount: variants?.total.value ?? 0,
    position: String(_source['position']),
    committedAt: text('committedAt') ?? '',
    score: _score ?? null,
    ...(highlight === undefined ? {} : { highlight }),
  };
}

function variant({ _source = {} }: Hit, currency: string): FoundVariant {
  const { variantId, sku, name, priceMinor, available } = _source;
  return {
    variantId: String(variantId),
    sku: String(sku),
    name: typeof name === 'string' ? name : null,
    price: typeof priceMinor === 'number' ? { amount: amountFromMinor(priceMinor), currency } : null,
    available: typeof available === 'number' ? available : 0,
  };
}

function facet({ buckets, min, max }: Facet): unknown {
  if (buckets !== undefined) {
    return buckets.map(({ key, key_as_string, doc_count }) => ({
      value: key_as_string ?? String(key),
      count: doc_count,
    }));
  }
  const amount = (minor: number | null | undefined) =>
    minor === null || minor === undefined || !Number.isFinite(minor) ? null : amountFromMinor(Math.round(minor));
  return { min: amount(min), max: amount(max) };
}

function list(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [value];
}
