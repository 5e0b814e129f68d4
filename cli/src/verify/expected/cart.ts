import { entry, object, plain } from './json-text.ts';
import { iso } from './kind.ts';
import type { ExpectedKind } from './kind.ts';

const item = entry(`product_id || '/' || variant_id`, 'quantity');
const items = `concat('{', r.items, '}')`;
const document = object({
  cartId: plain('r.id'),
  customerId: plain('r.customer_id'),
  status: plain('r.status'),
  createdAt: plain(iso('r.created_at')),
  items,
});

export const cart: ExpectedKind = {
  table: 'carts',
  key: 'cart_id',
  document,
  texts: { redis: document, clickhouse: object({ status: plain('r.status'), items }) },
  rows: ({ within }) => `
    select c.cart_id as id, c.customer_id, c.status, c.created_at, i.items
    from commerce.carts c
    left join (
      select cart_id, string_agg(${item}, ',' order by product_id, variant_id) as items
      from commerce.cart_items where ${within('cart_id')} group by cart_id) i using (cart_id)
    where ${within('c.cart_id')}`,
};
