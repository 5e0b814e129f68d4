import { lsnText } from '@millrace/kernel/position';
import type { Change, Row } from '@millrace/schemas/cdc';
import {
  amountText,
  hundredths,
  identity,
  isoTime,
  microseconds,
  optionalMicroseconds,
  optionalText,
  text,
  without,
} from '../../fields/index.ts';
import type { Context } from '../../runtime/index.ts';
import { defineProcessor, keyedStore, rowsOf } from '../../runtime/index.ts';
import { effectivePrice, nextChange } from './effective.ts';
import type { Effective, PriceRow, PricedProduct } from './effective.ts';
import { lowestOf, withPresent } from './history.ts';
import type { PastPrice } from './history.ts';

interface ProductPrices {
  /** Null until the product's own row is seen. */
  readonly product: PricedProduct | null;
  /** Sorted. */
  readonly variants: readonly string[];
  /** By price id. */
  readonly rows: Readonly<Record<string, PriceRow>>;
  /** Each variant's price as last emitted. */
  readonly emitted: Readonly<Record<string, { readonly amount: number; readonly currency: string }>>;
  /** The product's price over the last 30 days. */
  readonly history: readonly PastPrice[];
}

const stores = { products: keyedStore<ProductPrices>() };
type Ctx = Context<typeof stores>;

const empty: ProductPrices = { product: null, variants: [], rows: {}, emitted: {}, history: [] };

/**
 * Effective prices (`price:<productId>`) from base and scheduled prices. They change at their minute without any row changing: a timer
 * fires when a price starts or ends, and when the lowest of 30 days leaves them. The product's price is the
 * one of rows that name no variant, else its base price. Each change
 * of a variant's amount is a fact of its own (`pricechange:<productId>/<variantId>/<position>`).
 */
export const pricing = defineProcessor({
  name: 'pricing',
  output: 'views.pricing',
  stateVersion: 1,
  inputs: [rowsOf('cdc.catalog', 'products', 'product_variants', 'prices')],
  stores,

  apply(change, ctx) {
    if (change.op === 't') {
      truncate(change.table, ctx);
      return;
    }
    handlers[change.table]?.(change, ctx);
  },

  onTimer(productId, ctx) {
    ctx.touch(productId);
  },

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

function emitPrice(productId: string, held: ProductPrices, product: PricedProduct, ctx: Ctx): void {
  const nowUs = ctx.streamTimeUs;
  const variants = held.variants.map((variantId) => ({
    variantId,
    price: effectivePrice(product, held.rows, variantId, nowUs),
  }));
  for (const { variantId, price } of variants) emitChange(productId, variantId, price, held, product, ctx);
  const present = effectivePrice(product, held.rows, null, nowUs);
  const { amount, currency } = present;
  const history = withPresent(held.history, { fromUs: nowUs, amount, currency });
  const lowest = lowestOf(history);
  const nextUs = nextChange(product, held.rows, [null, ...held.variants], nowUs);
  const emitted = Object.fromEntries(
    variants.map(({ variantId, price }) => [variantId, { amount: price.amount, currency: price.currency }]),
  );
  ctx.stores.products.set(productId, { ...held, emitted, history });
  const dueUs = Math.min(nextUs ?? Infinity, lowest.leavesUs ?? Infinity);
  if (dueUs === Infinity) ctx.clearTimer(productId);
  else ctx.setTimer(productId, dueUs);
  ctx.put('price', productId, {
    tenantId: product.tenantId,
    productId,
    amount: amountText(amount),
    currency,
    baseAmount: amountText(product.base),
    reason: present.reason,
    validUntil: optionalTime(present.toUs),
    nextChangeAt: optionalTime(nextUs),
    lowest30d: amountText(lowest.amount),
    variants: variants.map(({ variantId, price }) => ({
      variantId,
      amount: amountText(price.amount),
      currency: price.currency,
      reason: price.reason,
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
  product: PricedProduct,
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

const handlers: Readonly<Record<string, (change: Change, ctx: Ctx) => void>> = {
  products: onProduct,
  product_variants: onVariant,
  prices: onPrice,
};

function onProduct(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'product_id');
  if (gone !== null) {
    const id = text(gone, 'product_id');
    ctx.stores.products.delete(id);
    ctx.touch(id);
  }
  if (row === null) return;
  const id = text(row, 'product_id');
  const held = ctx.stores.products.get(id) ?? empty;
  const product = {
    tenantId: text(row, 'tenant_id'),
    base: hundredths(text(row, 'base_price')),
    currency: text(row, 'currency'),
  };
  const { product: known } = held;
  const isSame =
    known?.base === product.base && known.currency === product.currency && known.tenantId === product.tenantId;
  // A row that is read again mends what follows, so it is shown again.
  if (isSame && change.op !== 'r') return;
  ctx.stores.products.set(id, { ...held, product });
  ctx.touch(id);
}

function onVariant(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'product_id', 'variant_id');
  if (gone !== null) {
    const variantId = text(gone, 'variant_id');
    update(ctx, gone, (held) => ({ ...held, variants: held.variants.filter((id) => id !== variantId) }));
  }
  if (row !== null) {
    const variantId = text(row, 'variant_id');
    if (ctx.stores.products.get(text(row, 'product_id'))?.variants.includes(variantId) === true) return;
    update(ctx, row, (held) => ({ ...held, variants: [...held.variants, variantId].sort() }));
  }
}

function onPrice(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'product_id', 'price_id');
  if (gone !== null) {
    const priceId = text(gone, 'price_id');
    update(ctx, gone, (held) => ({ ...held, rows: without(held.rows, priceId) }));
  }
  if (row !== null) {
    const priceId = text(row, 'price_id');
    const price = {
      variantId: optionalText(row, 'variant_id'),
      amount: hundredths(text(row, 'amount')),
      currency: text(row, 'currency'),
      fromUs: row['valid_from'] === -Infinity ? 0 : microseconds(row, 'valid_from'),
      toUs: optionalMicroseconds(row, 'valid_to'),
      reason: optionalText(row, 'reason'),
    };
    update(ctx, row, (held) => ({ ...held, rows: { ...held.rows, [priceId]: price } }));
  }
}

function update(ctx: Ctx, row: Row, change: (held: ProductPrices) => ProductPrices): void {
  const id = text(row, 'product_id');
  const next = change(ctx.stores.products.get(id) ?? empty);
  const isGone = next.product === null && next.variants.length === 0 && Object.keys(next.rows).length === 0;
  if (isGone) ctx.stores.products.delete(id);
  else ctx.stores.products.set(id, next);
  ctx.touch(id);
}

function truncate(table: string, ctx: Ctx): void {
  for (const id of ctx.stores.products.keys()) {
    const held = ctx.stores.products.get(id);
    if (held === undefined) continue;
    if (table === 'products') ctx.stores.products.delete(id);
    else if (table === 'product_variants') ctx.stores.products.set(id, { ...held, variants: [] });
    else ctx.stores.products.set(id, { ...held, rows: {} });
    ctx.touch(id);
  }
}
