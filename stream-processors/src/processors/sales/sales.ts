import { lsnText } from '@millrace/kernel/position';
import { defineProcessor, ofAllPartitions, referenceRows, rowsOf } from '../../runtime/index.ts';
import { deltasBetween } from './deltas.ts';
import { soldNow } from './line.ts';
import type { Sold } from './line.ts';
import { rowHandlers, truncate } from './rows.ts';
import { stores } from './stores.ts';
import type { Ctx } from './stores.ts';

/**
 * Sales for analytics (`sale:<orderId>/<itemId>/<position>`): what each commit adds to the sales of an order's line or takes from them, so that the
 * entries of any rows, summed, are what is sold. Each is written once and never changes. Category, vendor and customer are those as of the
 * commit in which the line was first seen: products and their categories may change later, what was sold stays where it was counted.
 *
 * Products are keyed by another id than orders, so each task reads all partitions of theirs.
 */
export const sales = defineProcessor({
  name: 'sales',
  output: 'views.sales',
  stateVersion: 1,
  inputs: [
    referenceRows('categories', 'vendors'),
    ofAllPartitions(rowsOf('cdc.catalog', 'products')),
    rowsOf('cdc.orders', 'orders', 'order_items'),
  ],
  stores,

  apply(change, ctx) {
    if (change.op === 't') truncate(change.table, ctx);
    else rowHandlers[change.table]?.(change, ctx);
  },

  emit(orderId, ctx) {
    const held = ctx.stores.orders.get(orderId);
    if (held === undefined) return;
    const { head, lines } = held;
    const told: Record<string, Sold> = {};
    for (const itemId of [...new Set([...Object.keys(held.told), ...Object.keys(lines)])].sort()) {
      const before = held.told[itemId];
      const line = lines[itemId];
      const now = head === null || line === undefined ? null : soldNow(ctx, head, line, before);
      tell(ctx, orderId, itemId, before, now);
      if (now !== null) told[itemId] = now;
    }
    if (head === null && Object.keys(lines).length === 0) ctx.stores.orders.delete(orderId);
    else ctx.stores.orders.set(orderId, { ...held, told });
  },
});

function tell(ctx: Ctx, orderId: string, itemId: string, before: Sold | undefined, now: Sold | null): void {
  for (const { suffix, data } of deltasBetween(orderId, itemId, before, now, ctx.tsUs)) {
    ctx.put('sale', `${orderId}/${itemId}/${lsnText(ctx.lsn)}${suffix}`, data);
  }
}
