import type { Change, Row } from '@millrace/schemas/cdc';
import { hundredths, identity, integer, microseconds, optionalText, text, without } from '../../fields/index.ts';
import type { Context } from '../../runtime/index.ts';
import { defineProcessor, keyedStore, rowsOf } from '../../runtime/index.ts';
import { orderView } from './order.ts';
import type { OrderHead, OrderState } from './order.ts';

const stores = { orders: keyedStore<OrderState>() };
type Ctx = Context<typeof stores>;

const empty: OrderState = { head: null, items: {}, history: {}, seen: [] };

/**
 * Orders (`order:<orderId>`): status, amounts, lines, and the timeline from the status history, else from the status changes seen.
 * What does not add up is flagged, never hidden: transitions that the state machine does not know, totals that contradict the lines.
 */
export const orders = defineProcessor({
  name: 'orders',
  output: 'views.orders',
  stateVersion: 1,
  inputs: [rowsOf('cdc.orders', 'orders', 'order_items', 'order_status_history')],
  stores,

  apply(change, ctx) {
    if (change.op === 't') {
      truncate(change.table, ctx);
      return;
    }
    handlers[change.table]?.(change, ctx);
  },

  emit(orderId, ctx) {
    const order = ctx.stores.orders.get(orderId);
    ctx.put('order', orderId, order?.head == null ? null : orderView(orderId, order.head, order));
  },
});

const handlers: Readonly<Record<string, (change: Change, ctx: Ctx) => void>> = {
  orders: onOrder,
  order_items: onItem,
  order_status_history: onHistory,
};

function onOrder(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'order_id');
  if (gone !== null) {
    const id = text(gone, 'order_id');
    ctx.stores.orders.delete(id);
    ctx.touch(id);
  }
  if (row !== null) {
    const head = headOf(row);
    update(ctx, row, (held) => {
      const isNew = held.seen.at(-1)?.status !== head.status;
      return { ...held, head, seen: isNew ? [...held.seen, { status: head.status, atUs: ctx.tsUs }] : held.seen };
    });
  }
}

function headOf(row: Row): OrderHead {
  const money = (column: string): number => hundredths(text(row, column));
  return {
    tenantId: text(row, 'tenant_id'),
    orderNumber: text(row, 'order_number'),
    customerId: optionalText(row, 'customer_id'),
    status: text(row, 'status'),
    currency: text(row, 'currency'),
    subtotal: money('subtotal'),
    discount: money('discount_amount'),
    tax: money('tax_amount'),
    shipping: money('shipping_amount'),
    total: money('total_amount'),
    placedAtUs: microseconds(row, 'placed_at'),
  };
}

function onItem(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'order_id', 'item_id');
  if (gone !== null) {
    const key = text(gone, 'item_id');
    update(ctx, gone, (held) => ({ ...held, items: without(held.items, key) }));
  }
  if (row !== null) {
    const itemId = text(row, 'item_id');
    update(ctx, row, (held) => {
      const item = {
        productId: text(row, 'product_id'),
        variantId: optionalText(row, 'variant_id'),
        vendorId: optionalText(row, 'vendor_id'),
        name: optionalText(row, 'name', held.items[itemId]?.name),
        quantity: integer(row, 'quantity'),
        unitPrice: hundredths(text(row, 'unit_price')),
        totalPrice: hundredths(text(row, 'total_price')),
      };
      return { ...held, items: { ...held.items, [itemId]: item } };
    });
  }
}

function onHistory(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'order_id', 'history_id');
  if (gone !== null) {
    const key = text(gone, 'history_id');
    update(ctx, gone, (held) => ({ ...held, history: without(held.history, key) }));
  }
  if (row !== null) {
    const event = { status: text(row, 'to_status'), atUs: microseconds(row, 'at') };
    update(ctx, row, (held) => ({ ...held, history: { ...held.history, [text(row, 'history_id')]: event } }));
  }
}

function update(ctx: Ctx, row: Row, change: (held: OrderState) => OrderState): void {
  const id = text(row, 'order_id');
  const next = change(ctx.stores.orders.get(id) ?? empty);
  const isGone = next.head === null && Object.keys(next.items).length === 0 && Object.keys(next.history).length === 0;
  if (isGone) ctx.stores.orders.delete(id);
  else ctx.stores.orders.set(id, next);
  ctx.touch(id);
}

function truncate(table: string, ctx: Ctx): void {
  for (const id of ctx.stores.orders.keys()) {
    const held = ctx.stores.orders.get(id);
    if (held === undefined) continue;
    if (table === 'orders') ctx.stores.orders.delete(id);
    else if (table === 'order_items') ctx.stores.orders.set(id, { ...held, items: {} });
    else ctx.stores.orders.set(id, { ...held, history: {} });
    ctx.touch(id);
  }
}
