import { lsnText } from '@millrace/kernel/position';
import { SWEEP_TIMER, sweepOn, sweepsIn } from '../../background/index.ts';
import { amountText, isoTime } from '../../fields/index.ts';
import { defineProcessor, referenceRows, rowsOf } from '../../runtime/index.ts';
import { effectivePrice, nextChanges } from './effective.ts';
import type { Effective } from './effective.ts';
import { lowestOf, withPresent } from './history.ts';
import { productRows } from './product-rows.ts';
import { onRuleTimer, referenceHandlers, truncateReference } from './reference.ts';
import { rulesOf, scopesOf } from './scopes.ts';
import { stores } from './stores.ts';
import type { Ctx, ProductHead, ProductPrices } from './stores.ts';

/**
 * Effective prices (`price:<productId>`): the list price, from base and scheduled prices, changed by the one rule that counts (see
 * docs/shop-processors.md). They change at their minute without any row changing: a timer fires when a price or rule begins or ends, and when the
 * lowest of 30 days leaves them. The product's price is the one of rows that name no variant. Each change of a variant's amount is a
 * fact of its own (`pricechange:<productId>/<variantId>/<position>`): together they are the full history. A rule or category that concerns
 * many products reaches them in the background.
 */
export const pricing = defineProcessor({
  name: 'pricing',
  output: 'views.pricing',
  stateVersion: 2,
  inputs: [
    referenceRows('categories', 'price_rules'),
    rowsOf('cdc.catalog', 'products', 'product_variants', 'product_tags', 'prices'),
  ],
  stores,

  apply(change, ctx) {
    if (change.op === 't') {
      if (!truncateReference(change.table, ctx)) productRows.truncate(change.table, ctx);
      return;
    }
    const handler = referenceHandlers[change.table] ?? productRows.handlers[change.table];
    handler?.(change, ctx);
  },

  onTimer(key, ctx) {
    if (key === SWEEP_TIMER) sweepOn(ctx, swept);
    else if (!onRuleTimer(key, ctx)) ctx.touch(key);
  },

  background: sweepsIn,

  emit(productId, ctx) {
    const held = ctx.stores.products.get(productId);
    if (held?.product == null) {
      ctx.clearTimer(productId);
      ctx.put('price', productId, null);
      return;
    }
    emitPrice(productId, held, held.product, ctx);
  },
});

const swept = {
  inBucket: (ctx: Ctx, bucket: string) => ctx.stores.products.keysBy('bucket', bucket),
  isIn(ctx: Ctx, id: string, scopes: ReadonlySet<string>): boolean {
    const held = ctx.stores.products.get(id);
    return held !== undefined && scopesOf(ctx, id, held).some((scope) => scopes.has(scope));
  },
};

function emitPrice(productId: string, held: ProductPrices, product: ProductHead, ctx: Ctx): void {
  const nowUs = ctx.streamTimeUs;
  const priced = { product, rows: held.rows, rules: rulesOf(ctx, productId, held) };
  const variants = held.variants.map((variantId) => ({ variantId, price: effectivePrice(priced, variantId, nowUs) }));
  for (const { variantId, price } of variants) emitChange(productId, variantId, price, held, product, ctx);
  const present = effectivePrice(priced, null, nowUs);
  const { amount, currency } = present;
  const history = withPresent(held.history, { fromUs: nowUs, amount, currency });
  const lowest = lowestOf(history);
  const next = nextChanges(priced, [null, ...held.variants], nowUs);
  const emitted = Object.fromEntries(
    variants.map(({ variantId, price }) => [variantId, { amount: price.amount, currency: price.currency }]),
  );
  ctx.stores.products.set(productId, { ...held, emitted, history });
  // Rules have timers of their own: one for all products.
  const dueUs = Math.min(next.byRows ?? Infinity, lowest.leavesUs ?? Infinity);
  if (dueUs === Infinity) ctx.clearTimer(productId);
  else ctx.setTimer(productId, dueUs);
  ctx.put('price', productId, {
    tenantId: product.tenantId,
    productId,
    amount: amountText(amount),
    currency,
    listAmount: amountText(present.listAmount),
    baseAmount: amountText(product.base),
    reason: present.reason,
    ruleId: present.ruleId,
    validUntil: optionalTime(present.toUs),
    nextChangeAt: optionalTime(next.any),
    lowest30d: amountText(lowest.amount),
    variants: variants.map(({ variantId, price }) => ({
      variantId,
      amount: amountText(price.amount),
      currency: price.currency,
      listAmount: amountText(price.listAmount),
      reason: price.reason,
      ruleId: price.ruleId,
      validFrom: optionalTime(price.fromUs),
      validUntil: optionalTime(price.toUs),
    })),
  });
}

function emitChange(
  productId: string,
  variantId: string,
  price: Effective,
  held: ProductPrices,
  product: ProductHead,
  ctx: Ctx,
): void {
  const before = held.emitted[variantId];
  if (before?.amount === price.amount && before.currency === price.currency) return;
  ctx.put('pricechange', `${productId}/${variantId}/${lsnText(ctx.lsn)}`, {
    tenantId: product.tenantId,
    productId,
    variantId,
    amount: amountText(price.amount),
    previousAmount: before === undefined ? null : amountText(before.amount),
    currency: price.currency,
    reason: price.reason,
    at: isoTime(ctx.streamTimeUs),
  });
}

const optionalTime = (us: number | null): string | null => (us === null ? null : isoTime(us));
