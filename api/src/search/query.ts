import { searchFields as fields } from '@millrace/schemas/stores';
import type { FacetName } from './facets.ts';
import { facetsOf } from './facets.ts';
import type { Narrowing } from './filters.ts';
import { narrowed, shown, variantsAsked } from './filters.ts';
import type { Json } from './json.ts';
import { beginning, matching } from './matching.ts';
import { ranked } from './ranking.ts';

export const sorts = ['relevance', 'price_asc', 'price_desc', 'newest', 'rating', 'name'] as const;
export type Sort = (typeof sorts)[number];

/** What a search asks for, checked: prices in hundredths, tags as pairs. */
export interface SearchRequest extends Narrowing {
  readonly tenantId: string;
  readonly text: string | undefined;
  readonly facets: readonly FacetName[];
  readonly sort: Sort;
  readonly limit: number;
  readonly highlight: boolean;
  /** Sort values of the last product of the page before. */
  readonly after: readonly (string | number | null)[] | undefined;
}

/** Every order ends in the product's id, so that it is total and a page starts exactly where the last one ended. */
const sortClauses: Readonly<Record<Sort, readonly Json[]>> = {
  relevance: [{ _score: 'desc' }],
  price_asc: [{ [fields.priceMinor]: { order: 'asc', missing: '_last' } }],
  price_desc: [{ [fields.priceMinor]: { order: 'desc', missing: '_last' } }],
  newest: [{ [fields.createdAt]: 'desc' }],
  rating: [{ [fields.rating]: { order: 'desc', missing: '_last' } }, { [fields.ratingCount]: 'desc' }],
  name: [{ [fields.nameKeyword]: 'asc' }],
};

const SOURCE = [
  fields.productId,
  fields.sku,
  fields.name,
  fields.categoryPath,
  fields.vendor,
  fields.vendorId,
  'tags',
  fields.priceMinor,
  fields.currency,
  fields.available,
  fields.inStock,
  fields.rating,
  fields.ratingCount,
  fields.imageUrl,
  fields.position,
  fields.committedAt,
];

/** Of each product found, at most this many of its variants are shown. */
const MOST_VARIANTS = 10;
/** Name under which a product's variants are in the answer. */
export const VARIANTS = 'fitting';

/** The search server's request body. User input is only ever a value in it. `alternatives` of the text: see `matching`. */
export function searchBody(request: SearchRequest, alternatives: readonly string[] = []): Json {
  const narrowing = narrowed(request);
  const counts = request.facets.length > 0;
  const found = {
    bool: {
      // Facets count more than the page: what narrows the page down alone is asked after them.
      filter: [...shown(request.tenantId), ...(counts ? [] : narrowing)],
      must: [request.text === undefined ? { match_all: {} } : matching(request.text, alternatives)],
      should: [variants(request)],
    },
  };
  return {
    size: request.limit + 1,
    _source: SOURCE,
    track_total_hits: 10_000,
    query: request.sort === 'relevance' ? ranked(found) : found,
    sort: [...sortClauses[request.sort], { [fields.productId]: 'asc' }],
    track_scores: true,
    ...(request.after === undefined ? {} : { search_after: request.after }),
    ...(counts ? { post_filter: { bool: { filter: narrowing } }, aggs: facetsOf(request.facets, request) } : {}),
    ...(request.highlight
      ? {
          highlight: {
            encoder: 'html',
            fields: { [fields.name]: { number_of_fragments: 0 }, [fields.description]: {} },
          },
        }
      : {}),
  };
}

/** Which of a product's variants fit, those that the words name first. It finds no product and drops none. */
function variants(request: SearchRequest): Json {
  const { text } = request;
  const named =
    text === undefined
      ? []
      : [
          { term: { [fields.variantSku]: { value: text, boost: 10 } } },
          { match: { [fields.variantName]: { query: text, boost: 2 } } },
        ];
  return {
    nested: {
      path: fields.variants,
      ignore_unmapped: true,
      score_mode: 'max',
      query: { bool: { filter: [{ exists: { field: fields.variantId } }, ...variantsAsked(request)], should: named } },
      inner_hits: { name: VARIANTS, size: MOST_VARIANTS },
    },
  };
}

/** Names that begin as the words typed so far, those that sell before others. */
export function suggestBody(tenantId: string, text: string, limit: number): Json {
  return {
    size: limit,
    _source: [fields.productId, fields.name],
    query: ranked({ bool: { filter: [{ term: { [fields.tenantId]: tenantId } }], must: [beginning(text)] } }),
    sort: [{ _score: 'desc' }, { [fields.productId]: 'asc' }],
  };
}
