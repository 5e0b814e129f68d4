import type { Basket } from './basket.ts';
import { companionOf, isOfAnotherWeek, ranked, withRisen } from './ranking.ts';
import type { Companion } from './ranking.ts';
import type { Bought, Ctx } from './stores.ts';
import { counted, endUs, isEmpty, newest, remaining, weekOf } from './weeks.ts';
import type { Weeks } from './weeks.ts';

/** Counts the basket for those of its products that are this task's, or takes it back. What counts no more at this time is left out, in both. */
export function count(ctx: Ctx, { tenantId, placedAtUs, products }: Basket, by: 1 | -1): void {
  for (const productId of products) {
    if (!ctx.owns(productId)) continue;
    const week = weekOf(productId, placedAtUs);
    if (endUs(productId, week) <= ctx.streamTimeUs) continue;
    const held = ctx.stores.products.get(productId) ?? { tenantId, weeks: {}, best: [] };
    const weeks = counted(held.weeks, week, by);
    let best = isOfAnotherWeek(held.weeks, weeks) ? null : held.best;
    for (const otherId of products) {
      if (otherId === productId) continue;
      const pairWeeks = countPair(ctx, productId, otherId, week, by);
      best = best === null ? null : bestAfter(best, otherId, pairWeeks, newest(weeks) ?? week, by);
    }
    if (isEmpty(weeks)) ctx.stores.products.delete(productId);
    else ctx.stores.products.set(productId, { tenantId, weeks, best });
    ctx.touch(productId);
  }
}

/** Takes out what counts no more at this time. */
export function expire(ctx: Ctx, productId: string): void {
  const held = ctx.stores.products.get(productId);
  if (held === undefined) return;
  const weeks = remaining(productId, held.weeks, ctx.streamTimeUs);
  for (const key of ctx.stores.pairs.keysBy('product', productId)) {
    const pair = ctx.stores.pairs.get(key);
    if (pair === undefined) continue;
    const left = remaining(productId, pair.weeks, ctx.streamTimeUs);
    if (isEmpty(left)) ctx.stores.pairs.delete(key);
    else if (left !== pair.weeks) ctx.stores.pairs.set(key, { ...pair, weeks: left });
  }
  if (isEmpty(weeks)) ctx.stores.products.delete(productId);
  else ctx.stores.products.set(productId, { ...held, weeks, best: null });
}

/** The best companions; ranked anew, of all there are, where they are not known. */
export function bestOf(ctx: Ctx, productId: string, held: Bought): readonly Companion[] {
  if (held.best !== null) return held.best;
  const asOf = newest(held.weeks) ?? 0;
  const companions: Companion[] = [];
  for (const key of ctx.stores.pairs.keysBy('product', productId)) {
    const pair = ctx.stores.pairs.get(key);
    if (pair !== undefined) companions.push(companionOf(pair.otherId, pair.weeks, asOf));
  }
  const best = ranked(companions);
  ctx.stores.products.set(productId, { ...held, best });
  return best;
}

function countPair(ctx: Ctx, productId: string, otherId: string, week: number, by: 1 | -1): Weeks {
  const key = `${productId}/${otherId}`;
  const weeks = counted(ctx.stores.pairs.get(key)?.weeks ?? {}, week, by);
  if (isEmpty(weeks)) ctx.stores.pairs.delete(key);
  else ctx.stores.pairs.set(key, { productId, otherId, weeks });
  return weeks;
}

/** What falls may be passed by one that is not known to be among the best; what was not among them and falls changes nothing. */
function bestAfter(
  best: readonly Companion[],
  otherId: string,
  weeks: Weeks,
  asOf: number,
  by: 1 | -1,
): readonly Companion[] | null {
  if (by === 1) return withRisen(best, companionOf(otherId, weeks, asOf));
  return best.some(({ productId }) => productId === otherId) ? null : best;
}
