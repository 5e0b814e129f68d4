import { pairKeyword, searchFields as fields } from '@millrace/schemas/stores';
import type { Json } from './json.ts';

/** What a search narrows down by; each part may be left out. */
export interface Narrowing {
  readonly tags: readonly { readonly name: string; readonly value: string | null }[];
  readonly category: string | undefined;
  readonly vendor: string | undefined;
  readonly priceMinMinor: number | undefined;
  readonly priceMaxMinor: number | undefined;
  readonly inStock: boolean | undefined;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Products that anybody may find. */
export function shown(tenantId: string): Json[] {
  return [{ term: { [fields.tenantId]: tenantId } }, { term: { [fields.status]: 'active' } }];
}

/** A clause for each part that is given. */
export function narrowed(by: Narrowing): Json[] {
  const { tags, category, vendor, inStock } = by;
  return [
    ...tags.map(({ name, value }) => ({
      term: value === null ? { [fields.tagName]: name } : { [fields.tagPairs]: pairKeyword(name, value) },
    })),
    ...(category === undefined ? [] : [idOrName(category, fields.categoryId, fields.categoryPath)]),
    ...(vendor === undefined ? [] : [idOrName(vendor, fields.vendorId, fields.vendor)]),
    ...(inStock === undefined ? [] : [{ term: { [fields.inStock]: inStock } }]),
    ...priced(by),
  ];
}

/**
 * Some variant has such a price, and is itself in stock where that is asked for. A product without variants, as all are in an index of mapping version 1, is asked
 * for its own price.
 */
function priced(by: Narrowing): Json[] {
  const range = rangeOf(by);
  if (range === undefined) return [];
  const some = (filter: Json[]): Json => ({
    nested: { path: fields.variants, query: { bool: { filter } }, ignore_unmapped: true },
  });
  return [
    {
      bool: {
        should: [
          some(variantsAsked(by)),
          {
            bool: {
              must_not: [some([{ exists: { field: fields.variantId } }])],
              filter: [{ range: { [fields.priceMinor]: range } }],
            },
          },
        ],
      },
    },
  ];
}

/** What is asked of one and the same variant. */
export function variantsAsked(by: Narrowing): Json[] {
  const range = rangeOf(by);
  return [
    ...(range === undefined ? [] : [{ range: { [fields.variantPriceMinor]: range } }]),
    ...(by.inStock === true ? [{ term: { [fields.variantInStock]: true } }] : []),
  ];
}

function rangeOf({ priceMinMinor, priceMaxMinor }: Narrowing): Json | undefined {
  if (priceMinMinor === undefined && priceMaxMinor === undefined) return undefined;
  return {
    ...(priceMinMinor === undefined ? {} : { gte: priceMinMinor }),
    ...(priceMaxMinor === undefined ? {} : { lte: priceMaxMinor }),
  };
}

function idOrName(value: string, idField: string, nameField: string): Json {
  return UUID.test(value) ? { term: { [idField]: value.toLowerCase() } } : { term: { [nameField]: value } };
}
