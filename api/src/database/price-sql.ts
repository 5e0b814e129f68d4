/** The product's category and all above it, for a query that has `commerce.products p`. */
const categoriesOfProduct = `
  with recursive up as (
    select c.category_id, c.parent_id from commerce.categories c where c.category_id = p.category_id
    union
    select c.category_id, c.parent_id from commerce.categories c join up on c.category_id = up.parent_id)
  select category_id from up`;

/** What the rule `r` makes of the list price `l`: rounded to the currency's smallest amount, and never less than that. */
const ruledAmount = `
  greatest(
    round(
      case r.kind
        when 'percent' then l.amount * (100 - r.value) / 100
        when 'amount' then greatest(l.amount - r.value, 0)
        else r.value
      end,
      case l.currency when 'JPY' then 0 else 2 end),
    case l.currency when 'JPY' then 1 else 0.01 end)::numeric(12,2)`;

/**
 * The price of a variant now, for a query that has `commerce.products p` and `v.variant_id` (null: the product as such). The list price is the
 * scheduled price in force, the variant's own before the product's, the latest started first; else the base price. Of the rules in force
 * the highest priority counts, of equal ones the lowest price. Gives one row `price(amount, currency, reason, rule_id, list_amount,
 * valid_from, valid_to)`. The pricing processor says the same of the same rows.
 */
export const effectivePriceLateral = `
  lateral (
    select coalesce(rule.amount, l.amount) as amount, l.currency, l.amount as list_amount, rule.rule_id,
      case when rule.rule_id is null then l.reason else 'rule' end as reason,
      greatest(l.valid_from, rule.valid_from) as valid_from, least(l.valid_to, rule.valid_to) as valid_to
    from (
      select c.amount, c.currency, coalesce(c.reason, 'scheduled') as reason, c.valid_from, c.valid_to
      from (
        select s.amount, s.currency, s.reason, s.valid_from, s.valid_to, s.variant_id is null as whole, s.price_id, 0 as rank
        from commerce.prices s
        where s.product_id = p.product_id and (s.variant_id is null or s.variant_id = v.variant_id)
          and s.valid_from <= now() and (s.valid_to is null or s.valid_to > now())
        union all
        select p.base_price, p.currency, 'base', null, null, true, null, 1
      ) c
      order by c.rank, c.whole, c.valid_from desc, c.price_id desc
      limit 1
    ) l
    left join lateral (
      select r.rule_id, r.valid_from, r.valid_to, ${ruledAmount} as amount
      from commerce.price_rules r
      where r.active and r.tenant_id = p.tenant_id and r.valid_from <= now() and (r.valid_to is null or r.valid_to > now())
        and case r.scope
          when 'product' then r.scope_id = p.product_id
          when 'vendor' then r.scope_id = p.vendor_id
          when 'tag' then r.scope_id in (select t.tag_id from commerce.product_tags t where t.product_id = p.product_id)
          else r.scope_id in (${categoriesOfProduct})
        end
      order by r.priority desc, amount, r.rule_id desc
      limit 1
    ) rule on true
  ) price`;
