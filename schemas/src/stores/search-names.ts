import { PlatformError } from '@millrace/kernel/errors';
import { FIRST_GENERATION } from './view-names.ts';
import type { ViewName } from './view-names.ts';

/** Fields of a product in the search index. */
export const searchFields = {
  productId: 'productId',
  tenantId: 'tenantId',
  /** Keyword, folded: exact match without regard to case. */
  sku: 'sku',
  variantSkus: 'variantSkus',
  /** Analysed: folded, word parts, plural-insensitive. */
  name: 'name',
  /** Keyword, folded: sort and group by it. */
  nameKeyword: 'name.keyword',
  /** Analysed, with its endings: for mistyped words. */
  namePlain: 'name.plain',
  /** Edge n-grams of each word: for suggestions while typing. */
  namePrefix: 'name.prefix',
  description: 'description',
  /** Analysed like the name: name, vendor, categories, values of tags and attributes, names of variants. */
  words: 'words',
  wordsPlain: 'words.plain',
  status: 'status',
  categoryId: 'categoryId',
  /** Keywords: names from the root to the product's own category. */
  categoryPath: 'categoryPath',
  vendorId: 'vendorId',
  vendor: 'vendor',
  tagName: 'tags.name',
  tagValue: 'tags.value',
  /** Keywords `name:value`: filter on these, since `tags.name` and `tags.value` forget which value belongs to which name. */
  tagPairs: 'tagPairs',
  /** Keywords `name:value` of the product's attributes that are text, number or boolean. */
  attributePairs: 'attributePairs',
  /** Hundredths of the currency's unit, whichever currency: exact, never a float. */
  priceMinor: 'priceMinor',
  currency: 'currency',
  available: 'available',
  inStock: 'inStock',
  /** Hundredths of units sold a day over 28 days. */
  popularity: 'popularity',
  rating: 'rating',
  ratingCount: 'ratingCount',
  /** Hundredths of a rating that few reviews move little: what no review speaks of has 350. */
  ratingScore: 'ratingScore',
  /** Nested, one for each variant. */
  variants: 'variants',
  variantId: 'variants.variantId',
  variantSku: 'variants.sku',
  variantName: 'variants.name',
  variantAttributePairs: 'variants.attributePairs',
  variantPriceMinor: 'variants.priceMinor',
  variantAvailable: 'variants.available',
  variantInStock: 'variants.inStock',
  imageUrl: 'imageUrl',
  position: 'position',
  committedAt: 'committedAt',
  createdAt: 'createdAt',
  updatedAt: 'updatedAt',
  /** True where the product is deleted at `position`: nothing else is left of it. Both aliases hide these. */
  deleted: 'deleted',
} as const;

export interface SearchNames {
  /** The generation's index. */
  readonly productsIndex: string;
  /** The generation without deleted products. */
  readonly presentAlias: string;
  /** The generation's active products: for suggestions on `name.prefix`. */
  readonly suggestedAlias: string;
  /** What other programs search: the active generation, as `presentAlias` shows it. */
  readonly productsAlias: string;
  /** The same for `suggestedAlias`. */
  readonly suggestionsAlias: string;
  /** One document per view, generation and partition (`watermarkId`): read them by id, which sees the newest at once. */
  readonly watermarksIndex: string;
  watermarkId(view: ViewName, partition: number): string;
  /** Document of `watermarksIndex` that names the active generation (`SearchGeneration`); where there is none, it is the first. */
  readonly activeId: string;
}

/** Search names. `prefix` is SEARCH_INDEX_PREFIX. */
export function searchNames(prefix = '', generation = FIRST_GENERATION): SearchNames {
  return {
    productsIndex: `${prefix}products_g${generation}`,
    presentAlias: `${prefix}products_g${generation}_present`,
    suggestedAlias: `${prefix}products_g${generation}_suggested`,
    productsAlias: `${prefix}products`,
    suggestionsAlias: `${prefix}suggestions`,
    watermarksIndex: `${prefix}millrace-watermarks`,
    watermarkId: (view, partition) => `${view}:g${generation}:${partition}`,
    activeId: 'active:catalog',
  };
}

/** The document that says which generation is active. */
export interface SearchGeneration {
  readonly view: ViewName;
  readonly generation: number;
}

/** A watermark document of `watermarksIndex`; `offset` and `position` are text. */
export interface SearchWatermark {
  readonly view: ViewName;
  readonly generation: number;
  readonly partition: number;
  readonly position: string;
  readonly committedAt: string;
  readonly offset: string;
}

/** `tagPairs` and `attributePairs` hold this. */
export function pairKeyword(name: string, value: string | null): string {
  return `${name}:${value ?? ''}`;
}

/** "19.90" → 1990. Throws `record-malformed` where it is no amount with at most two decimals. */
export function minorFromAmount(amount: string): number {
  const match = /^(-?)(\d{1,13})(?:\.(\d{1,2}))?$/.exec(amount);
  if (!match) throw new PlatformError('record-malformed', 'an amount is not a decimal with at most two places');
  const [, sign = '', whole = '', fraction = ''] = match;
  return Number(sign + whole + fraction.padEnd(2, '0'));
}

/** 1990 → "19.90". */
export function amountFromMinor(minor: number): string {
  const digits = Math.abs(minor).toString().padStart(3, '0');
  return `${minor < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
