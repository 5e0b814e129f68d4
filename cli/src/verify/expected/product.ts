import { entry, list, object, plain, text } from './json-text.ts';
import type { ExpectedKind } from './kind.ts';
import { prices } from './price.ts';
import { stockStatus, stockSums } from './stock.ts';

const bytes = 'collate "C"';
const tagEntry = `concat(${text('t.name')}, ':', ${text('pt.value')})`;
const tagPair = list(text('t.name'), text(`coalesce(pt.value, '')`));
const tagWord = text(`t.name || ':' || coalesce(pt.value, '')`);
const variant = entry('variant_id', list(text('sku'), text('name')));

const base = {
  sku: text('r.sku'),
  name: text('r.name'),
  description: text('r.description'),
  status: plain('r.status'),
  categoryPath: `concat('[', r.path, ']')`,
  vendor: text('r.vendor'),
};
const { sku, name, status, categoryPath } = base;

const whole = (attributes: string): string =>
  object({
    productId: plain('r.id'),
    ...base,
    attributes,
    tags: `concat('{', r.tags, '}')`,
    variants: `concat('{', r.variants, '}')`,
    price: list(plain('r.amount'), plain('r.currency')),
    stock: object({ available: 'r.available', status: plain(stockStatus) }),
    ratingCount: 'r.ratings',
  });

export const product: ExpectedKind = {
  table: 'products',
  key: 'product_id',
  document: whole('r.attributes::text'),
  texts: {
    // Attributes are any JSON: their text is Postgres' own, and compares as a text.
    redis: whole(text('r.attributes::text')),
    elasticsearch: object({
      ...base,
      tags: `concat('[', r.tag_words, ']')`,
      priceMinor: `replace(r.amount::text, '.', '')::bigint`,
      currency: plain('r.currency'),
      available: 'r.available',
      inStock: `case when r.available > 0 then 'true' else 'false' end`,
      ratingCount: 'r.ratings',
    }),
    clickhouse: object({
      sku,
      name,
      status,
      vendor: text(`coalesce(r.vendor, '')`),
      categoryPath,
      tags: `concat('[', r.tag_pairs, ']')`,
      price: list(plain('r.amount'), plain('r.currency')),
      available: 'r.available',
      stockStatus: plain(stockStatus),
      ratingCount: 'r.ratings',
    }),
  },
  rows: (scope) => `
    with recursive up (start_id, parent_id, name, depth) as (
      select category_id, parent_id, name, 0 from commerce.categories
      union all
      select up.start_id, c.parent_id, c.name, up.depth + 1 from up join commerce.categories c on c.category_id = up.parent_id),
    paths as (select start_id as category_id, string_agg(${text('name')}, ',' order by depth desc) as path from up group by start_id)
    select p.product_id as id, p.sku, p.name, p.description, p.status, p.attributes, c.path, d.name as vendor, t.tags, t.tag_words, t.tag_pairs,
           v.variants, m.amount, m.currency, coalesce(s.available, 0) as available, coalesce(s.threshold, 10) as threshold,
           coalesce(w.ratings, 0) as ratings
    from commerce.products p
    join (select product_id, amount, currency from (${prices(scope)}) m where variant_id is null) m using (product_id)
    left join paths c on c.category_id = p.category_id
    left join commerce.vendors d on d.vendor_id = p.vendor_id
    left join (${stockSums(scope)}) s using (product_id)
    left join (
      select pt.product_id, string_agg(${tagEntry}, ',' order by t.name ${bytes}) as tags,
             string_agg(${tagWord}, ',' order by t.name || ':' || coalesce(pt.value, '') ${bytes}) as tag_words,
             string_agg(${tagPair}, ',' order by ${tagPair} ${bytes}) as tag_pairs
      from commerce.product_tags pt join commerce.tags t using (tag_id)
      where ${scope.within('pt.product_id')} group by pt.product_id) t using (product_id)
    left join (
      select product_id, string_agg(${variant}, ',' order by variant_id) as variants
      from commerce.product_variants where ${scope.within('product_id')} group by product_id) v using (product_id)
    left join (
      select product_id, count(*) as ratings from commerce.reviews
      where status = 'published' and ${scope.within('product_id')} group by product_id) w using (product_id)
    where ${scope.within('p.product_id')}`,
};
