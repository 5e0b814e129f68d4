/**
 * The price of a variant now, for a query that has `commerce.products p` and `commerce.product_variants v`: the scheduled price in force,
 * the variant's own before the product's, the latest started first; else the base price. Gives one row `price(amount, currency, reason,
 * valid_from, valid_to)`.
 */
export const effectivePriceLateral = `
  lateral (
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
  ) price`;
