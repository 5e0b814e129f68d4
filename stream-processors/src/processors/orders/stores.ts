import type { Row } from '@millrace/schemas/cdc';
import { text } from '../../fields/index.ts';
import type { Context } from '../../runtime/index.ts';
import { keyedStore } from '../../runtime/index.ts';
import type { OrderState } from './order.ts';

export const stores = { orders: keyedStore<OrderState>() };
export type Ctx = Context<typeof stores>;

export const empty: OrderState = {
  head: null,
  items: {},
  history: {},
  seen: [],
  payments: {},
  refunds: {},
  shipments: {},
  returns: {},
};

/** Changes what is held of the row's order, and says that it changed. What is empty is not held. */
export function update(ctx: Ctx, row: Row, change: (held: OrderState) => OrderState): void {
  const id = text(row, 'order_id');
  const next = change(ctx.stores.orders.get(id) ?? empty);
  const { head, items, history, payments, refunds, shipments, returns } = next;
  const parts: readonly object[] = [items, history, payments, refunds, shipments, returns];
  const isGone = head === null && parts.every((part) => Object.keys(part).length === 0);
  if (isGone) ctx.stores.orders.delete(id);
  else ctx.stores.orders.set(id, next);
  ctx.touch(id);
}
