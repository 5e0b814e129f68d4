import type { StockView, PriceView } from '@millrace/schemas/views';
import { SWEEP_TIMER, sweepOn, sweepsIn } from '../../background/index.ts';
import { defineProcessor, entriesOf, referenceRows, rowsOf } from '../../runtime/index.ts';
import { isEmpty, productView } from './document.ts';
import type { ProductParts } from './document.ts';
import { productRows } from './product-rows.ts';
import { categoryPath, referenceHandlers, swept, truncateReference } from './reference.ts';
import { partsOf, stores, update } from './stores.ts';

/**
 * The product document (`product:<productId>`): the product's own rows joined with tags, category path and vendor, and with price and stock
 * from their views as of the same commit. A category, tag or vendor that changes re-emits the products that show it, many of them in the
 * background.
 */
export const catalog = defineProcessor({
  name: 'catalog',
  output: 'views.catalog',
  stateVersion: 2,
  inputs: [
    referenceRows('categories', 'tags', 'vendors'),
    rowsOf('cdc.catalog', 'products', 'product_variants', 'product_images', 'product_tags', 'reviews'),
    entriesOf('views.pricing', 'price'),
    entriesOf('views.inventory', 'stock'),
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

  applyView(entry, ctx) {
    const held = ctx.stores.products.get(entry.id);
    // The product is gone with everything that showed it.
    if (entry.data === null && held === undefined) return;
    if (entry.kind === 'price') {
      const price = priceOf(entry.data as PriceView | null);
      update(ctx, entry.id, (parts) => ({ ...parts, price }));
    } else if (entry.kind === 'stock') {
      const stock = stockOf(entry.data as StockView | null);
      update(ctx, entry.id, (parts) => ({ ...parts, stock }));
    }
  },

  onTimer(key, ctx) {
    if (key === SWEEP_TIMER) sweepOn(ctx, swept);
  },

  background: sweepsIn,

  emit(productId, ctx) {
    const parts = ctx.stores.products.get(productId) ?? partsOf(productId);
    if (parts.head === null) {
      if (isEmpty(parts)) ctx.stores.products.delete(productId);
      ctx.put('product', productId, null);
      return;
    }
    const names = {
      tag: (id: string) => ctx.stores.tags.get(id)?.name,
      vendor: (id: string) => ctx.stores.vendors.get(id)?.name,
      categoryPath: (id: string) => categoryPath(ctx, id),
    };
    ctx.put('product', productId, productView(productId, parts.head, parts, names));
  },
});

function priceOf(view: PriceView | null): ProductParts['price'] {
  if (view === null) return null;
  const variants = Object.fromEntries(view.variants.map(({ variantId, amount }) => [variantId, amount]));
  return { amount: view.amount, currency: view.currency, variants };
}

function stockOf(view: StockView | null): ProductParts['stock'] {
  if (view === null) return null;
  const variants = Object.fromEntries(view.variants.map(({ variantId, available }) => [variantId, available]));
  return { available: view.available, status: view.status, soldPerDay: view.velocity28d ?? null, variants };
}
