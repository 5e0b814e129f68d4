import type { Row } from '@millrace/schemas/cdc';
import { text } from '../../fields/index.ts';
import type { Context } from '../../runtime/index.ts';
import { keyedStore } from '../../runtime/index.ts';
import type { CartState } from './cart.ts';

export const stores = { carts: keyedStore<CartState>() };
export type Ctx = Context<typeof stores>;

const empty: CartState = { head: null, items: {}, activeUs: 0 };

/** Changes what is held of the row's cart, and says that it changed at that time. What is empty is not held. */
export function update(ctx: Ctx, row: Row, atUs: number, change: (held: CartState) => CartState): void {
  const id = text(row, 'cart_id');
  const next = change(ctx.stores.carts.get(id) ?? empty);
  if (next.head === null && Object.keys(next.items).length === 0) ctx.stores.carts.delete(id);
  else ctx.stores.carts.set(id, { ...next, activeUs: Math.max(next.activeUs, atUs) });
  ctx.touch(id);
}
