import { lsnText } from '@millrace/kernel/position';
import {
  isoFromMicros,
  minorFromAmount,
  pairKeyword,
  searchFieldsSince,
  SEARCH_MAPPING_VERSION,
} from '@millrace/schemas/stores';
import type { PartitionMark, SearchNames, SearchWatermark } from '@millrace/schemas/stores';
import type { ProductView, ViewEntry } from '@millrace/schemas/views';

/** A product that no review speaks of is taken to have this many of this rating; each real one moves it. */
const ASSUMED_REVIEWS = 10;
const ASSUMED_RATING = 3.5;

/**
 * The document of a product; fields are named in schemas/stores. A deleted one has only the first four. `mappingVersion`: of the index, which takes
 * no fields that came later.
 */
export function productDocument(
  entry: ViewEntry<'product'>,
  mappingVersion = SEARCH_MAPPING_VERSION,
): Record<string, unknown> {
  const basics = {
    productId: entry.id,
    deleted: entry.data === null,
    position: lsnText(entry.lsn),
    committedAt: isoFromMicros(entry.tsUs),
  };
  if (entry.data === null) return basics;
  const document = { ...basics, ...fieldsOf(entry.data) };
  if (mappingVersion >= SEARCH_MAPPING_VERSION) return document;
  return Object.fromEntries(
    Object.entries(document).filter(([name]) => (searchFieldsSince[name] ?? 1) <= mappingVersion),
  );
}

function fieldsOf(product: ProductView): Record<string, unknown> {
  const { tags, price, stock, rating, images } = product;
  return {
    tenantId: product.tenantId,
    sku: product.sku,
    variantSkus: product.variants.map(({ sku }) => sku),
    name: product.name,
    description: product.description,
    words: wordsOf(product),
    status: product.status,
    categoryId: product.categoryId,
    categoryPath: product.categoryPath,
    vendorId: product.vendorId,
    vendor: product.vendor,
    tags: tags.map(({ name, value }) => ({ name, value })),
    tagPairs: tags.map(({ name, value }) => pairKeyword(name, value)),
    attributePairs: attributePairs(product.attributes),
    priceMinor: price === null ? null : minorFromAmount(price.amount),
    currency: price === null ? null : price.currency,
    available: stock.available,
    inStock: stock.available > 0,
    popularity: Math.round((stock.soldPerDay ?? 0) * 100),
    rating: rating.average,
    ratingCount: rating.count,
    ratingScore: ratingScore(rating),
    variants: product.variants.map(variantOf),
    imageUrl: images[0]?.url ?? null,
    createdAt: product.createdAt,
    updatedAt: product.updatedAt,
  };
}

/** Name, vendor, categories, values of tags and attributes, names of variants. */
function wordsOf({ name, vendor, categoryPath, tags, attributes, variants }: ProductView): string[] {
  const words = [
    name,
    vendor,
    ...categoryPath,
    ...tags.map(({ value }) => value),
    ...Object.values(attributes),
    ...variants.flatMap((variant) => [variant.name, ...Object.values(variant.attributes)]),
  ];
  return [...new Set(words.filter((word): word is string => typeof word === 'string' && word !== ''))];
}

function ratingScore({ average, count }: ProductView['rating']): number {
  const sum = (average ?? 0) * count + ASSUMED_RATING * ASSUMED_REVIEWS;
  return Math.round((sum * 100) / (count + ASSUMED_REVIEWS));
}

function variantOf({ variantId, sku, name, attributes, amount, available }: ProductView['variants'][number]) {
  return {
    variantId,
    sku,
    name,
    attributePairs: attributePairs(attributes),
    priceMinor: amount === null ? null : minorFromAmount(amount),
    available,
    inStock: available > 0,
  };
}

function attributePairs(attributes: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(attributes).flatMap(([name, value]) =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      ? [pairKeyword(name, String(value))]
      : [],
  );
}

/**
 * An index operation as two lines of `_bulk`. The version is written as digits: as a JavaScript number it would lose its last ones where
 * the epoch is above 0.
 */
function operation(index: string, id: string, version: bigint, document: object): string {
  const target = `"_index":${JSON.stringify(index)},"_id":${JSON.stringify(id)}`;
  return `{"index":{${target},"version":${version.toString()},"version_type":"external_gte"}}\n${JSON.stringify(document)}\n`;
}

export function productOperation(
  names: SearchNames,
  entry: ViewEntry<'product'>,
  mappingVersion = SEARCH_MAPPING_VERSION,
): string {
  return operation(names.productsIndex, entry.id, entry.lsn, productDocument(entry, mappingVersion));
}

/** Versioned by its offset, which grows whenever anything of a mark does. */
export function watermarkOperation(names: SearchNames, generation: number, mark: PartitionMark): string {
  const document: SearchWatermark = {
    view: mark.view,
    generation,
    partition: mark.partition,
    position: lsnText(mark.lsn),
    committedAt: new Date(mark.committedAtMs).toISOString(),
    offset: mark.offset.toString(),
  };
  return operation(names.watermarksIndex, names.watermarkId(mark.view, mark.partition), mark.offset, document);
}

export function markFromDocument(document: SearchWatermark): PartitionMark {
  return {
    view: document.view,
    partition: document.partition,
    lsn: BigInt(document.position),
    committedAtMs: Date.parse(document.committedAt),
    offset: BigInt(document.offset),
  };
}
