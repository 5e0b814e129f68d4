import type { Change, Row } from '@millrace/schemas/cdc';
import { hundredths, identity, integer, microseconds, optionalText, text, without } from '../../fields/index.ts';
import { defineProcessor, rowsOf } from '../../runtime/index.ts';
import { PROMISE_US, isOpen, orderView } from './order.ts';
import type { OrderHead, OrderState } from './order.ts';
import { settlementHandlers } from './settlement-rows.ts';
import { empty, stores, update } from './stores.ts';
import type { Ctx } from './stores.ts';

/**
 * Orders (`order:<orderId>`): status, amounts, lines, the timeline from the status history, else from the status changes seen; payments, refunds,
 * shipments and returns folded in. What does not add up is flagged, never hidden: transitions that the state machine does not know, totals
 * that contradict the lines, money that contradicts the total. An order that is due and not there is late, as of stream time.
 */
export const orders = defineProcessor({
  name: 'orders',
  output: 'views.orders',
  stateVersion: 2,
  inputs: [
    rowsOf(
      'cdc.orders',
      ...['orders', 'order_items', 'order_status_history', 'payments', 'shipments', 'returns', 'refunds'],
    ),
  ],
  stores,

  apply(change, ctx) {
    if (change.op === 't') {
      truncate(change.table, ctx);
      return;
    }
    handlers[change.table]?.(change, ctx);
  },

  onTimer(orderId, ctx) {
    ctx.touch(orderId);
  },

  emit(orderId, ctx) {
    const order = ctx.stores.orders.get(orderId);
    if (order?.head == null) {
      ctx.clearTimer(orderId);
      ctx.put('order', orderId, null);
      return;
    }
    const { head } = order;
    const promisedUs = head.placedAtUs + PROMISE_US;
    if (isOpen(head) && promisedUs > ctx.streamTimeUs) ctx.setTimer(orderId, promisedUs);
    else ctx.clearTimer(orderId);
    ctx.put('order', orderId, orderView(orderId, head, order, ctx.streamTimeUs));
  },
});

const handlers: Readonly<Record<string, (change: Change, ctx: Ctx) => void>> = {
  orders: onOrder,
  order_items: onItem,
  order_status_history: onHistory,
  ...settlementHandlers,
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

const emptied: Readonly<Record<string, Partial<OrderState>>> = {
  order_items: { items: {} },
  order_status_history: { history: {} },
  payments: { payments: {} },
  shipments: { shipments: {} },
  returns: { returns: {} },
  refunds: { refunds: {} },
};

function truncate(table: string, ctx: Ctx): void {
  for (const id of ctx.stores.orders.keys()) {
    const held = ctx.stores.orders.get(id) ?? empty;
    if (table === 'orders') ctx.stores.orders.delete(id);
    else ctx.stores.orders.set(id, { ...held, ...emptied[table] });
    ctx.touch(id);
  }
}
