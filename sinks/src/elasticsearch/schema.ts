import { PlatformError } from '@millrace/kernel/errors';
import type { SearchClient } from '@millrace/kernel/search-client';
import { FIRST_GENERATION } from '@millrace/schemas/stores';
import type { SearchNames } from '@millrace/schemas/stores';
import { alreadyExists, searchError } from './client.ts';

/** Raised with every change of `productsIndex`: an index of another version is never changed in place, a new generation is filled. */
export const MAPPING_VERSION = 1;

const keyword = { type: 'keyword' } as const;
const folded = { type: 'keyword', normalizer: 'folded' } as const;

/**
 * `text` folds case and accents, splits words at digits and punctuation, keeps them together as well ("Wi-Fi 6E" is found by "wifi", "wi fi"
 * and "6e") and forgets plurals. `prefix` holds the beginnings of each word, 1 to 20 letters.
 */
const analysis = {
  filter: {
    word_parts: { type: 'word_delimiter_graph', split_on_case_change: false, catenate_all: true },
    query_parts: { type: 'word_delimiter_graph', split_on_case_change: false },
    singular: { type: 'stemmer', language: 'minimal_english' },
    beginnings: { type: 'edge_ngram', min_gram: 1, max_gram: 20 },
  },
  analyzer: {
    text: {
      type: 'custom',
      tokenizer: 'whitespace',
      filter: ['word_parts', 'flatten_graph', 'lowercase', 'asciifolding', 'singular'],
    },
    text_query: {
      type: 'custom',
      tokenizer: 'whitespace',
      filter: ['query_parts', 'lowercase', 'asciifolding', 'singular'],
    },
    prefix: { type: 'custom', tokenizer: 'standard', filter: ['lowercase', 'asciifolding', 'beginnings'] },
    prefix_query: { type: 'custom', tokenizer: 'standard', filter: ['lowercase', 'asciifolding'] },
  },
  normalizer: { folded: { type: 'custom', filter: ['lowercase', 'asciifolding'] } },
} as const;

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
      prefix: { type: 'text', analyzer: 'prefix', search_analyzer: 'prefix_query' },
    },
  },
  description: text,
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
  rating: { type: 'float' },
  ratingCount: { type: 'integer' },
  imageUrl: { type: 'keyword', index: false, doc_values: false },
  position: keyword,
  committedAt: { type: 'date' },
  createdAt: { type: 'date' },
  updatedAt: { type: 'date' },
  deleted: { type: 'boolean' },
} as const;

const products = {
  settings: { number_of_shards: 1, auto_expand_replicas: '0-1', refresh_interval: '-1', analysis },
  mappings: { dynamic: 'strict', _meta: { mappingVersion: MAPPING_VERSION }, properties },
} as const;

/** What each alias shows of its index: all hide deleted products, suggestions are of active ones only. */
const alive = { term: { deleted: false } };
export const aliasFilters = {
  present: alive,
  suggested: { bool: { filter: [alive, { term: { status: 'active' } }] } },
};

/** The generation's own aliases, and for the first one those of other programs, which `expose` moves later. */
function aliasesOf(names: SearchNames, generation: number) {
  const present = { filter: aliasFilters.present };
  const suggested = { filter: aliasFilters.suggested };
  return {
    [names.presentAlias]: present,
    [names.suggestedAlias]: suggested,
    ...(generation === FIRST_GENERATION ? { [names.productsAlias]: present, [names.suggestionsAlias]: suggested } : {}),
  };
}

const watermarks = {
  settings: { number_of_shards: 1, auto_expand_replicas: '0-1' },
  mappings: {
    dynamic: 'strict',
    properties: {
      view: keyword,
      generation: { type: 'integer' },
      partition: { type: 'integer' },
      position: keyword,
      committedAt: { type: 'date' },
      offset: keyword,
    },
  },
} as const;

/**
 * Creates what is missing.
 * Throws `store-rejected` where the generation's index was made by another version of the mapping.
 */
export async function ensureIndices(client: SearchClient, names: SearchNames, generation: number): Promise<void> {
  await create(client, names.productsIndex, { ...products, aliases: aliasesOf(names, generation) });
  await create(client, names.watermarksIndex, watermarks);
  const answer = await attempt('reading the mapping', () => client.indices.getMapping({ index: names.productsIndex }));
  const version = answer[names.productsIndex]?.mappings._meta?.['mappingVersion'] as unknown;
  if (version !== MAPPING_VERSION) {
    throw new PlatformError(
      'store-rejected',
      `elasticsearch: index ${names.productsIndex} was made by mapping version ${String(version)}, this program writes ${MAPPING_VERSION}: rebuild the view catalog into a new generation`,
    );
  }
}

async function create(client: SearchClient, index: string, definition: object): Promise<void> {
  await attempt(`creating index ${index}`, async () => {
    if (await client.indices.exists({ index })) return;
    try {
      await client.indices.create({ index, ...definition });
    } catch (error) {
      if (!alreadyExists(error)) throw error;
    }
  });
}

async function attempt<T>(step: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw searchError(error, step);
  }
}
