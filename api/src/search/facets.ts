import { searchFields as fields } from '@millrace/schemas/stores';
import type { Narrowing } from './filters.ts';
import { narrowed } from './filters.ts';
import type { Json } from './json.ts';

export const facetNames = ['vendor', 'category', 'tags', 'in_stock', 'price'] as const;
export type FacetName = (typeof facetNames)[number];

interface Facet {
  readonly counted: Json;
  /** What of a search's narrowing is the facet's own choice. */
  readonly own: Partial<Narrowing>;
}

/** Of tags all that are asked for must be there, so theirs counts what is left; of the others one is chosen, so theirs counts what could be chosen instead. */
const facets: Readonly<Record<FacetName, Facet>> = {
  vendor: { counted: { terms: { field: fields.vendor, size: 20 } }, own: { vendor: undefined } },
  category: { counted: { terms: { field: fields.categoryPath, size: 30 } }, own: { category: undefined } },
  tags: { counted: { terms: { field: fields.tagPairs, size: 50 } }, own: {} },
  in_stock: { counted: { terms: { field: fields.inStock, size: 2 } }, own: { inStock: undefined } },
  price: {
    counted: { stats: { field: fields.priceMinor } },
    own: { priceMinMinor: undefined, priceMaxMinor: undefined },
  },
};

/** What each of these facets counts, in the aggregation `counted` inside that of its name: all that the words find, narrowed down by all but its own choice. */
export function facetsOf(names: readonly FacetName[], by: Narrowing): Json {
  return Object.fromEntries(
    names.map((name) => {
      const { counted, own } = facets[name];
      return [name, { filter: { bool: { filter: narrowed({ ...by, ...own }) } }, aggs: { counted } }];
    }),
  );
}
