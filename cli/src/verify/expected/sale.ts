import { entry, list, object, plain } from './json-text.ts';
import type { ExpectedKind } from './kind.ts';

const line = entry('i.item_id', list(plain('i.product_id'), plain('o.currency'), 'i.quantity', plain('i.total_price')));
const document = object({ lines: `concat('{', r.lines, '}')` });

export const sale: ExpectedKind = {
  table: 'orders',
  key: 'order_id',
  isPartial: true,
  document,
  texts: { clickhouse: document },
  rows: ({ within }) => `
    select o.order_id as id, string_agg(${line}, ',' order by i.item_id) as lines
    from commerce.orders o join commerce.order_items i using (order_id)
    where o.status <> 'cancelled' and ${within('o.order_id')} and ${within('i.order_id')}
    group by o.order_id`,
};
