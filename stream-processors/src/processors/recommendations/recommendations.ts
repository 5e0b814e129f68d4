import type { OrderView } from '@millrace/schemas/views';
import { isoTime, text } from '../../fields/index.ts';
import { defineProcessor, entriesOf, ofAllPartitions, rowsOf } from '../../runtime/index.ts';
import { basketOf, countSame, dayEndUs, dayOf } from './basket.ts';
import type { Basket } from './basket.ts';
import { bestOf, count, expire } from './counts.ts';
import { stores } from './stores.ts';
import type { Ctx } from './stores.ts';
import { FORGOTTEN_US, beginUs, endUs, newest, oldest } from './weeks.ts';

const DAY_TIMER = 'placed-on/';

/**
 * Recommendations (`recommendation:<productId>`): what was bought in one order with a product, the more and the later the better. Purchases are counted
 * exactly, by week, so that an order that is called off takes back what it had added. A purchase is worth half after four weeks and nothing
 * after 52.
 *
 * Scores are as of the newest week in which the product itself was bought, and all decay alike: so an entry changes when orders do, or when its
 * oldest week is over, and never because time passes.
 *
 * Orders have other ids than products, so each task reads all partitions of their view, and keeps those that have a product of its own. Products are
 * read for one purpose: one that is read again, or is gone, has its entry told again, to mend what follows.
 */
export const recommendations = defineProcessor({
  name: 'recommendations',
  output: 'views.recommendations',
  stateVersion: 1,
  inputs: [ofAllPartitions(entriesOf('views.orders', 'order')), rowsOf('cdc.catalog', 'products')],
  stores,

  apply({ op, before, after }, ctx) {
    // Of a product that is gone nothing may be left anywhere, also where it was never bought.
    if (op === 'd' && before !== null) ctx.touch(text(before, 'product_id'));
    if (op !== 'r' || after === null) return;
    const id = text(after, 'product_id');
    if (ctx.stores.products.get(id) !== undefined) ctx.touch(id);
  },

  applyView(entry, ctx) {
    const order = entry.data as OrderView | null;
    const held = ctx.stores.baskets.get(entry.id);
    const basket = order === null ? null : basketOf(order);
    const next = basket !== null && concerns(ctx, basket) ? basket : undefined;
    if (held !== undefined && next !== undefined && countSame(held, next)) return;
    if (held !== undefined) count(ctx, held, -1);
    if (next !== undefined) count(ctx, next, 1);
    hold(ctx, entry.id, next);
  },

  onTimer(key, ctx) {
    if (key.startsWith(DAY_TIMER)) {
      forget(ctx, key.slice(DAY_TIMER.length));
      return;
    }
    expire(ctx, key);
    ctx.touch(key);
  },

  emit(productId, ctx) {
    const held = ctx.stores.products.get(productId);
    const first = held === undefined ? null : oldest(held.weeks);
    const last = held === undefined ? null : newest(held.weeks);
    if (held === undefined || first === null || last === null) {
      ctx.clearTimer(productId);
      ctx.put('recommendation', productId, null);
      return;
    }
    ctx.setTimer(productId, endUs(productId, first));
    const items = bestOf(ctx, productId, held).map(({ score, ...rest }) => ({ ...rest, score: score / 1_000_000 }));
    ctx.put('recommendation', productId, {
      ...{ tenantId: held.tenantId, productId, items },
      asOf: isoTime(beginUs(productId, last)),
    });
  },
});

/** Whether a product of the task's counts the basket now or may yet. */
function concerns(ctx: Ctx, { placedAtUs, products }: Basket): boolean {
  return forgottenUs(placedAtUs) > ctx.streamTimeUs && products.some((id) => ctx.owns(id));
}

function hold(ctx: Ctx, orderId: string, basket: Basket | undefined): void {
  if (basket === undefined) {
    ctx.stores.baskets.delete(orderId);
    return;
  }
  ctx.stores.baskets.set(orderId, basket);
  const day = String(dayOf(basket.placedAtUs));
  if (ctx.stores.days.get(day) === true) return;
  ctx.stores.days.set(day, true);
  ctx.setTimer(DAY_TIMER + day, forgottenUs(basket.placedAtUs));
}

function forget(ctx: Ctx, day: string): void {
  for (const id of ctx.stores.baskets.keysBy('day', day)) ctx.stores.baskets.delete(id);
  ctx.stores.days.delete(day);
}

/** When an order is forgotten: with all others of its day, once none of its products counts it. */
function forgottenUs(placedAtUs: number): number {
  return dayEndUs(dayOf(placedAtUs)) + FORGOTTEN_US;
}
