import { pairKeyword, searchFields as fields } from '@millrace/schemas/stores';

export const sorts = ['relevance', 'price_asc', 'price_desc', 'newest', 'rating', 'name'] as const;
export type Sort = (typeof sorts)[number];
export const facetNames = ['vendor', 'category', 'tags', 'in_stock', 'price'] as const;
export type FacetName = (typeof facetNames)[number];

/** What a search asks for, checked: prices in hundredths, tags as pairs. */
export interface SearchRequest {
  readonly tenantId: string;
  readonly text: string | undefined;
  readonly tags: readonly { readonly name: string; readonly value: string | null }[];
  readonly category: string | undefined;
  readonly vendor: string | undefined;
  readonly priceMinMinor: number | undefined;
  readonly priceMaxMinor: number | undefined;
  readonly inStock: boolean | undefined;
  readonly facets: readonly FacetName[];
  readonly sort: Sort;
  readonly limit: number;
  readonly highlight: boolean;
  /** Sort values of the last product of the page before. */
  readonly after: readonly (string | number | null)[] | undefined;
}

type Json = Readonly<Record<string, unknown>>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Every order ends in the product's id, so that it is total and a page starts exactly where the last one ended. */
const sortClauses: Readonly<Record<Sort, readonly Json[]>> = {
  relevance: [{ _score: 'desc' }],
  price_asc: [{ [fields.priceMinor]: { order: 'asc', missing: '_last' } }],
  price_desc: [{ [fields.priceMinor]: { order: 'desc', missing: '_last' } }],
  newest: [{ [fields.createdAt]: 'desc' }],
  rating: [{ [fields.rating]: { order: 'desc', missing: '_last' } }, { [fields.ratingCount]: 'desc' }],
  name: [{ [fields.nameKeyword]: 'asc' }],
};

const aggregations: Readonly<Record<FacetName, Json>> = {
  vendor: { terms: { field: fields.vendor, size: 20 } },
  category: { terms: { field: fields.categoryPath, size: 30 } },
  tags: { terms: { field: fields.tagPairs, size: 50 } },
  in_stock: { terms: { field: fields.inStock, size: 2 } },
  price: { stats: { field: fields.priceMinor } },
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

/** The search server's request body. User input is only ever a value in it. */
export function searchBody(request: SearchRequest): Json {
  return {
    size: request.limit + 1,
    _source: SOURCE,
    track_total_hits: 10_000,
    query: { bool: { filter: filters(request), ...(request.text === undefined ? {} : matching(request.text)) } },
    sort: [...sortClauses[request.sort], { [fields.productId]: 'asc' }],
    track_scores: true,
    ...(request.after === undefined ? {} : { search_after: request.after }),
    ...(request.facets.length === 0
      ? {}
      : { aggs: Object.fromEntries(request.facets.map((name) => [name, aggregations[name]])) }),
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

/** Names that begin as the words typed so far. */
export function suggestBody(tenantId: string, text: string, limit: number): Json {
  return {
    size: limit,
    _source: [fields.productId, fields.name],
    query: {
      bool: {
        filter: [{ term: { [fields.tenantId]: tenantId } }],
        must: [{ match: { [fields.namePrefix]: { query: text, operator: 'and' } } }],
      },
    },
    sort: [{ _score: 'desc' }, { [fields.productId]: 'asc' }],
  };
}

function matching(text: string): Json {
  return {
    must: [
      {
        bool: {
          minimum_should_match: 1,
          should: [
            {
              multi_match: {
                query: text,
                fields: [`${fields.name}^4`, fields.description],
                fuzziness: 'AUTO',
                prefix_length: 1,
                minimum_should_match: '2<75%',
              },
            },
            { match: { [fields.namePrefix]: { query: text, operator: 'and', boost: 2 } } },
            { term: { [fields.sku]: { value: text, boost: 20 } } },
            { term: { [fields.variantSkus]: { value: text, boost: 10 } } },
            { term: { [fields.tagValue]: { value: text, boost: 3 } } },
            { term: { [fields.vendor]: { value: text, boost: 3 } } },
          ],
        },
      },
    ],
  };
}

function filters(request: SearchRequest): Json[] {
  const { category, vendor, priceMinMinor, priceMaxMinor, inStock } = request;
  return [
    { term: { [fields.tenantId]: request.tenantId } },
    { term: { [fields.status]: 'active' } },
    ...request.tags.map(({ name, value }) => ({
      term: value === null ? { [fields.tagName]: name } : { [fields.tagPairs]: pairKeyword(name, value) },
    })),
    ...(category === undefined ? [] : [idOrName(category, fields.categoryId, fields.categoryPath)]),
    ...(vendor === undefined ? [] : [idOrName(vendor, fields.vendorId, fields.vendor)]),
    ...(inStock === undefined ? [] : [{ term: { [fields.inStock]: inStock } }]),
    ...(priceMinMinor === undefined && priceMaxMinor === undefined
      ? []
      : [{ range: { [fields.priceMinor]: { gte: priceMinMinor, lte: priceMaxMinor } } }]),
  ];
}

function idOrName(value: string, idField: string, nameField: string): Json {
  return UUID.test(value) ? { term: { [idField]: value.toLowerCase() } } : { term: { [nameField]: value } };
}
