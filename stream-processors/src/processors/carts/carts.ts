import type { Change } from '@millrace/schemas/cdc';
import { identity, integer, microseconds, optionalText, text, without } from '../../fields/index.ts';
import { defineProcessor, rowsOf } from '../../runtime/index.ts';
import { cartView, leftAtUs } from './cart.ts';
import { stores, update } from './stores.ts';
import type { Ctx } from './stores.ts';

/**
 * Carts (`cart:<cartId>`): what is in them, and whether they were left: an open cart with something in it counts as abandoned once nothing has
 * happened to it for a day of stream time, without any row changing, until something does.
 */
export const carts = defineProcessor({
  name: 'carts',
  output: 'views.carts',
  stateVersion: 1,
  inputs: [rowsOf('cdc.carts', 'carts', 'cart_items')],
  stores,

  apply(change, ctx) {
    if (change.op === 't') truncate(change.table, ctx);
    else if (change.table === 'carts') onCart(change, ctx);
    else onItem(change, ctx);
  },

  onTimer(cartId, ctx) {
    ctx.touch(cartId);
  },

  emit(cartId, ctx) {
    const cart = ctx.stores.carts.get(cartId);
    if (cart?.head == null) {
      ctx.clearTimer(cartId);
      ctx.put('cart', cartId, null);
      return;
    }
    const leftUs = leftAtUs(cart);
    if (leftUs !== null && leftUs > ctx.streamTimeUs) ctx.setTimer(cartId, leftUs);
    else ctx.clearTimer(cartId);
    ctx.put('cart', cartId, cartView(cartId, cart.head, cart, ctx.streamTimeUs));
  },
});

function onCart(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'cart_id');
  if (gone !== null) update(ctx, gone, ctx.tsUs, (held) => ({ ...held, head: null }));
  if (row === null) return;
  const head = {
    tenantId: text(row, 'tenant_id'),
    customerId: optionalText(row, 'customer_id'),
    status: text(row, 'status'),
    createdAtUs: microseconds(row, 'created_at'),
  };
  update(ctx, row, microseconds(row, 'updated_at'), (held) => ({ ...held, head }));
}

function onItem(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'cart_id', 'product_id', 'variant_id');
  if (gone !== null) {
    const key = `${text(gone, 'product_id')}/${text(gone, 'variant_id')}`;
    // A row that is gone says no time of its own.
    update(ctx, gone, ctx.tsUs, (held) => ({ ...held, items: without(held.items, key) }));
  }
  if (row === null) return;
  const productId = text(row, 'product_id');
  const variantId = text(row, 'variant_id');
  const item = { productId, variantId, quantity: integer(row, 'quantity') };
  update(ctx, row, microseconds(row, 'updated_at'), (held) => ({
    ...held,
    items: { ...held.items, [`${productId}/${variantId}`]: item },
  }));
}

function truncate(table: string, ctx: Ctx): void {
  for (const id of [...ctx.stores.carts.keys()].sort()) {
    update(ctx, { cart_id: id }, ctx.tsUs, (held) =>
      table === 'carts' ? { ...held, head: null } : { ...held, items: {} },
    );
  }
}
