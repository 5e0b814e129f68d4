import type { Catalog } from './catalog.ts';
import { openedAt } from './catalog.ts';
import { stableId } from './random.ts';
import { madeAt, timeText } from './rows.ts';
import type { RowsByTable } from './rows.ts';
import { warehouses } from './vocabulary.ts';

/** Ids of the shop's reference data, by the names the source gives. */
export interface ReferenceIds {
  category(name: string): string;
  vendor(name: string): string;
  tag(name: string): string;
  /** By region of the source. */
  warehouse(region: string): string;
}

export function referenceIds(seed: string): ReferenceIds {
  const id = (kind: string) => (name: string) => stableId(openedAt, seed, kind, name);
  return { category: id('category'), vendor: id('vendor'), tag: id('tag'), warehouse: id('warehouse') };
}

/** Categories (parents first), vendors, tags, warehouses and price rules. */
export function referenceRows(catalog: Catalog, seed: string): RowsByTable {
  const ids = referenceIds(seed);
  const made = madeAt(openedAt);
  const category = (name: string, parent: string | null) => ({
    category_id: ids.category(name),
    parent_id: parent === null ? null : ids.category(parent),
    name,
    slug: name.toLowerCase().replaceAll(/[^a-z]+/g, '-'),
    ...made,
  });
  const tops = [...catalog.categories.keys()].sort();
  const tags = new Set(catalog.products.flatMap((product) => Object.keys(product.tags)));
  return [
    ['categories', tops.map((name) => category(name, null))],
    ['categories', tops.flatMap((top) => (catalog.categories.get(top) ?? []).map((name) => category(name, top)))],
    ['vendors', catalog.vendors.map((name) => ({ vendor_id: ids.vendor(name), name, ...made }))],
    ['tags', [...tags].sort().map((name) => ({ tag_id: ids.tag(name), name, ...made }))],
    [
      'warehouses',
      warehouses.map(({ code, name, region }) => ({ warehouse_id: ids.warehouse(region), code, name, ...made })),
    ],
    ['price_rules', rules(ids, seed)],
  ];
}

/** One that holds, one that was switched off, one for a season to come. */
function rules(ids: ReferenceIds, seed: string) {
  const rule = (key: string, scope: string, scope_id: string, percent: string, from: number, active: boolean) => ({
    rule_id: stableId(openedAt, seed, 'rule', key),
    scope,
    scope_id,
    kind: 'percent',
    value: percent,
    priority: 10,
    valid_from: timeText(from),
    valid_to: null,
    active,
    ...madeAt(openedAt),
  });
  return [
    rule('paper', 'category', ids.category('Paper'), '5.00', Date.UTC(2018, 0, 1), true),
    rule('labels', 'category', ids.category('Labels'), '10.00', Date.UTC(2018, 0, 1), false),
    rule('eco', 'tag', ids.tag('eco'), '8.00', Date.UTC(2030, 3, 1), true),
  ];
}
