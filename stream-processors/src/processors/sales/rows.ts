import type { Change } from '@millrace/schemas/cdc';
import { hundredths, identity, integer, microseconds, optionalText, text, without } from '../../fields/index.ts';
import { update } from './stores.ts';
import type { Ctx } from './stores.ts';

export const rowHandlers: Readonly<Record<string, (change: Change, ctx: Ctx) => void>> = {
  orders(change, ctx) {
    const { gone, row } = identity(change, 'order_id');
    if (gone !== null) update(ctx, gone, (held) => ({ ...held, head: null }));
    if (row === null) return;
    const head = {
      tenantId: text(row, 'tenant_id'),
      customerId: optionalText(row, 'customer_id'),
      status: text(row, 'status'),
      currency: text(row, 'currency'),
      placedAtUs: microseconds(row, 'placed_at'),
    };
    update(ctx, row, (held) => ({ ...held, head }));
  },

  order_items(change, ctx) {
    const { gone, row } = identity(change, 'order_id', 'item_id');
    if (gone !== null) {
      const itemId = text(gone, 'item_id');
      update(ctx, gone, (held) => ({ ...held, lines: without(held.lines, itemId) }));
    }
    if (row === null) return;
    const line = {
      productId: text(row, 'product_id'),
      variantId: optionalText(row, 'variant_id'),
      vendorId: optionalText(row, 'vendor_id'),
      quantity: integer(row, 'quantity'),
      amount: hundredths(text(row, 'total_price')),
    };
    update(ctx, row, (held) => ({ ...held, lines: { ...held.lines, [text(row, 'item_id')]: line } }));
  },

  products(change, ctx) {
    const { gone, row } = identity(change, 'product_id');
    if (gone !== null) ctx.stores.products.delete(text(gone, 'product_id'));
    if (row === null) return;
    const id = text(row, 'product_id');
    const product = { categoryId: optionalText(row, 'category_id'), vendorId: optionalText(row, 'vendor_id') };
    const held = ctx.stores.products.get(id);
    if (held?.categoryId === product.categoryId && held.vendorId === product.vendorId) return;
    ctx.stores.products.set(id, product);
    if (held === undefined) arrived(ctx, `products/${id}`);
  },

  categories(change, ctx) {
    named('categories', 'category_id', change, ctx);
  },

  vendors(change, ctx) {
    named('vendors', 'vendor_id', change, ctx);
  },
};

function named(table: 'categories' | 'vendors', key: string, change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, key);
  if (gone !== null) ctx.stores[table].delete(text(gone, key));
  if (row === null) return;
  const id = text(row, key);
  const held = ctx.stores[table].get(id);
  const name = text(row, 'name', held?.name);
  if (held?.name === name) return;
  ctx.stores[table].set(id, { name });
  if (held === undefined) arrived(ctx, `${table}/${id}`);
}

/** A row that lines were sold with before it was known. */
function arrived(ctx: Ctx, row: string): void {
  for (const orderId of ctx.stores.orders.keysBy('awaits', row)) ctx.touch(orderId);
}

export function truncate(table: string, ctx: Ctx): void {
  if (table === 'orders' || table === 'order_items') {
    for (const id of [...ctx.stores.orders.keys()].sort()) {
      update(ctx, { order_id: id }, (held) => (table === 'orders' ? { ...held, head: null } : { ...held, lines: {} }));
    }
  } else if (table === 'products' || table === 'categories' || table === 'vendors') {
    const store = ctx.stores[table];
    for (const id of [...store.keys()].sort()) store.delete(id);
  }
}
