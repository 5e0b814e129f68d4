import type { Change, Row } from '@millrace/schemas/cdc';
import { hundredths, identity, optionalMicroseconds, optionalText, text, without } from '../../fields/index.ts';
import type { Payment, Refund, Return, Settlement, Shipment } from './settlement.ts';
import { update } from './stores.ts';
import type { Ctx } from './stores.ts';

type Handler = (change: Change, ctx: Ctx) => void;

/** Rows of an order that are held by their id, in one part of its settlement. */
function rowsIn<T>(part: keyof Settlement, key: string, read: (row: Row, held: T | undefined) => T): Handler {
  return (change, ctx) => {
    const { gone, row } = identity(change, 'order_id', key);
    if (gone !== null) {
      const id = text(gone, key);
      update(ctx, gone, (order) => ({ ...order, [part]: without<unknown>(order[part], id) }));
    }
    if (row === null) return;
    const id = text(row, key);
    update(ctx, row, (order) => {
      const held = order[part] as Readonly<Record<string, T>>;
      return { ...order, [part]: { ...held, [id]: read(row, held[id]) } };
    });
  };
}

export const settlementHandlers: Readonly<Record<string, Handler>> = {
  payments: rowsIn<Payment>('payments', 'payment_id', (row) => ({
    provider: text(row, 'provider'),
    status: text(row, 'status'),
    amount: hundredths(text(row, 'amount')),
    currency: text(row, 'currency'),
  })),
  refunds: rowsIn<Refund>('refunds', 'refund_id', (row) => ({
    status: text(row, 'status'),
    amount: hundredths(text(row, 'amount')),
  })),
  shipments: rowsIn<Shipment>('shipments', 'shipment_id', (row, held) => ({
    status: text(row, 'status'),
    carrier: optionalText(row, 'carrier', held?.carrier),
    tracking: optionalText(row, 'tracking', held?.tracking),
    shippedUs: optionalMicroseconds(row, 'shipped_at'),
    deliveredUs: optionalMicroseconds(row, 'delivered_at'),
  })),
  returns: rowsIn<Return>('returns', 'return_id', (row, held) => ({
    status: text(row, 'status'),
    reason: optionalText(row, 'reason', held?.reason),
  })),
};
