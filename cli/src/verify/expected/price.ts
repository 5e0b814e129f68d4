import { entry, list, object, plain } from './json-text.ts';
import type { ExpectedKind, Scope } from './kind.ts';

/** Every category with itself and all that are above it. */
const above = `
  above (start_id, category_id, parent_id) as (
    select category_id, category_id, parent_id from commerce.categories
    union all
    select above.start_id, c.category_id, c.parent_id from above join commerce.categories c on c.category_id = above.parent_id)`;

/**
 * The prices at that time. List price: the scheduled price in force, the variant's own before the product's, the latest started first; else the base
 * price. The product's own price (`variant_id` null) knows no variant's. Then the rule: what stands above the product is laid out as pairs
 * (scope, id), the rules of those pairs are applied, and the best of them is taken.
 */
export const prices = ({ within, at }: Scope): string => `
  with recursive ${above},
  rules as (
    select * from commerce.price_rules
    where active and valid_from <= ${at()} and coalesce(valid_to > ${at()}, true)),
  scoped (product_id, tenant_id, scope, scope_id) as (
    select p.product_id, p.tenant_id, s.scope::text, s.id
    from commerce.products p cross join lateral (values ('product', p.product_id), ('vendor', p.vendor_id)) as s (scope, id)
    where ${within('p.product_id')}
    union all
    select p.product_id, p.tenant_id, 'tag', t.tag_id
    from commerce.products p join commerce.product_tags t using (product_id)
    where ${within('p.product_id')} and ${within('t.product_id')}
    union all
    select p.product_id, p.tenant_id, 'category', a.category_id
    from commerce.products p join above a on a.start_id = p.category_id
    where ${within('p.product_id')}),
  applicable as (
    select distinct s.product_id, r.*
    from scoped s join rules r on r.scope = s.scope and r.scope_id = s.scope_id and r.tenant_id = s.tenant_id),
  scheduled as (
    select product_id, price_id, variant_id, amount, currency, valid_from from commerce.prices
    where ${within('product_id')} and valid_from <= ${at()} and (valid_to is null or valid_to > ${at()})),
  listed as (
    select distinct on (v.product_id, v.variant_id)
           v.product_id, v.variant_id, coalesce(s.amount, p.base_price) as amount, coalesce(s.currency, p.currency) as currency
    from (
      select product_id, variant_id from commerce.product_variants where ${within('product_id')}
      union all
      select product_id, null from commerce.products where ${within('product_id')}) v
    join commerce.products p using (product_id)
    left join scheduled s on s.product_id = v.product_id and (s.variant_id is null or s.variant_id = v.variant_id)
    where ${within('p.product_id')}
    order by v.product_id, v.variant_id, s.variant_id is null, s.valid_from desc, s.price_id desc),
  ruled as (
    select distinct on (v.product_id, v.variant_id) v.product_id, v.variant_id, offer.amount
    from listed v join applicable r using (product_id)
    cross join lateral (
      select (case when v.currency = 'JPY' then greatest(round(cut), 1) else greatest(round(cut, 2), 0.01) end)::numeric(12,2) as amount
      from (values (case r.kind when 'fixed' then r.value when 'amount' then v.amount - r.value
                                else v.amount - v.amount * r.value / 100 end)) as reduction (cut)) offer
    order by v.product_id, v.variant_id, r.priority desc, offer.amount)
  select v.product_id, v.variant_id, coalesce(o.amount, v.amount) as amount, v.currency
  from listed v left join ruled o on o.product_id = v.product_id and o.variant_id is not distinct from v.variant_id`;

const variant = entry('v.variant_id', list(plain('v.amount'), plain('v.currency')));
const variants = `concat('{', r.variants, '}')`;
const document = object({
  productId: plain('r.id'),
  baseAmount: plain('r.base_price'),
  amount: plain('r.amount'),
  currency: plain('r.currency'),
  variants,
});

export const price: ExpectedKind = {
  table: 'products',
  key: 'product_id',
  document,
  texts: { redis: document, clickhouse: `case when r.variants is not null then ${object({ variants })} end` },
  rows: (scope) => `
    select p.product_id as id, p.base_price, v.amount, v.currency, v.variants
    from commerce.products p
    join (
      select v.product_id, min(v.amount) filter (where v.variant_id is null) as amount,
             min(v.currency) filter (where v.variant_id is null) as currency,
             string_agg(${variant}, ',' order by v.variant_id) filter (where v.variant_id is not null) as variants
      from (${prices(scope)}) v group by v.product_id) v using (product_id)
    where ${scope.within('p.product_id')}`,
};
