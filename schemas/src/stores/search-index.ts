/**
 * Raised with every change of `searchIndex`: an index of another version is never changed in place, a new generation is filled. Meanwhile the older index is fed
 * what it can hold and searched with what it has: see `searchFieldsSince`.
 */
export const SEARCH_MAPPING_VERSION = 2;

/** The fields that came with a mapping version after the first: an index of an earlier one takes documents without them. */
export const searchFieldsSince: Readonly<Record<string, number>> = {
  words: 2,
  variants: 2,
  popularity: 2,
  ratingScore: 2,
};

const keyword = { type: 'keyword' } as const;
const folded = { type: 'keyword', normalizer: 'folded' } as const;

/**
 * `text` folds case and accents, splits words at digits and punctuation, keeps them together as well ("Wi-Fi 6E" is found by "wifi", "wi fi"
 * and "6e") and forgets plurals and other endings. `plain` keeps endings: a mistyped one has no stem. `prefix` holds the beginnings of each word, 1 to 20 letters.
 */
const analysis = {
  filter: {
    word_parts: { type: 'word_delimiter_graph', split_on_case_change: false, catenate_all: true },
    query_parts: { type: 'word_delimiter_graph', split_on_case_change: false },
    stem: { type: 'stemmer', language: 'porter2' },
    beginnings: { type: 'edge_ngram', min_gram: 1, max_gram: 20 },
  },
  analyzer: {
    text: {
      type: 'custom',
      tokenizer: 'whitespace',
      filter: ['word_parts', 'flatten_graph', 'lowercase', 'asciifolding', 'stem'],
    },
    text_query: {
      type: 'custom',
      tokenizer: 'whitespace',
      filter: ['query_parts', 'lowercase', 'asciifolding', 'stem'],
    },
    plain: {
      type: 'custom',
      tokenizer: 'whitespace',
      filter: ['word_parts', 'flatten_graph', 'lowercase', 'asciifolding'],
    },
    plain_query: { type: 'custom', tokenizer: 'whitespace', filter: ['query_parts', 'lowercase', 'asciifolding'] },
    prefix: { type: 'custom', tokenizer: 'standard', filter: ['lowercase', 'asciifolding', 'beginnings'] },
    prefix_query: { type: 'custom', tokenizer: 'standard', filter: ['lowercase', 'asciifolding'] },
  },
  normalizer: { folded: { type: 'custom', filter: ['lowercase', 'asciifolding'] } },
} as const;

const plain = { type: 'text', analyzer: 'plain', search_analyzer: 'plain_query' } as const;
const text = { type: 'text', analyzer: 'text', search_analyzer: 'text_query' } as const;

const properties = {
  productId: keyword,
  tenantId: keyword,
  sku: folded,
  variantSkus: folded,
  name: {
    ...text,
    fields: {
      keyword: { ...folded, ignore_above: 500 },
      plain,
      prefix: { type: 'text', analyzer: 'prefix', search_analyzer: 'prefix_query' },
    },
  },
  description: text,
  /** Name, vendor, categories, values of tags and attributes, names of variants: so that words of a search may be spread over them. */
  words: { ...text, fields: { plain } },
  status: keyword,
  categoryId: keyword,
  categoryPath: { ...keyword, fields: { text } },
  vendorId: keyword,
  vendor: { ...keyword, fields: { text } },
  tags: { properties: { name: keyword, value: { ...keyword, ignore_above: 255 } } },
  tagPairs: { ...keyword, ignore_above: 400 },
  attributePairs: { ...keyword, ignore_above: 400 },
  priceMinor: { type: 'long' },
  currency: keyword,
  available: { type: 'integer' },
  inStock: { type: 'boolean' },
  popularity: { type: 'integer' },
  rating: { type: 'float' },
  ratingCount: { type: 'integer' },
  ratingScore: { type: 'integer' },
  /** Nested: what is asked of a variant has to hold of one and the same. */
  variants: {
    type: 'nested',
    properties: {
      variantId: keyword,
      sku: folded,
      name: text,
      attributePairs: { ...keyword, ignore_above: 400 },
      priceMinor: { type: 'long' },
      available: { type: 'integer' },
      inStock: { type: 'boolean' },
    },
  },
  imageUrl: { type: 'keyword', index: false, doc_values: false },
  position: keyword,
  committedAt: { type: 'date' },
  createdAt: { type: 'date' },
  updatedAt: { type: 'date' },
  deleted: { type: 'boolean' },
} as const;

/** Settings and mappings of a generation's index: what the sink creates and queries rely on. Runs on Elasticsearch 8 and 9 and on OpenSearch 2. */
export const searchIndex = {
  settings: { number_of_shards: 1, auto_expand_replicas: '0-1', refresh_interval: '-1', analysis },
  mappings: { dynamic: 'strict', _meta: { mappingVersion: SEARCH_MAPPING_VERSION }, properties },
} as const;

/** What each alias shows of its index: all hide deleted products, suggestions are of active ones only. */
const alive = { term: { deleted: false } };
export const searchAliasFilters = {
  present: alive,
  suggested: { bool: { filter: [alive, { term: { status: 'active' } }] } },
};
