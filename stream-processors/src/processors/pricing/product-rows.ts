import type { Change } from '@millrace/schemas/cdc';
import {
  hundredths,
  identity,
  microseconds,
  optionalMicroseconds,
  optionalText,
  text,
  without,
} from '../../fields/index.ts';
import { noPrices, update } from './stores.ts';
import type { Ctx, ProductHead, ProductPrices } from './stores.ts';

type Handler = (change: Change, ctx: Ctx) => void;

const onProduct: Handler = (change, ctx) => {
  const { gone, row } = identity(change, 'product_id');
  if (gone !== null)
    update(ctx, text(gone, 'product_id'), (held) => ({ ...held, product: null, emitted: {}, history: [] }));
  if (row === null) return;
  const id = text(row, 'product_id');
  const product: ProductHead = {
    tenantId: text(row, 'tenant_id'),
    base: hundredths(text(row, 'base_price')),
    currency: text(row, 'currency'),
    categoryId: optionalText(row, 'category_id'),
    vendorId: optionalText(row, 'vendor_id'),
  };
  const held = ctx.stores.products.get(id) ?? noPrices(id);
  // A row that is read again mends what follows, so it is shown again.
  if (change.op !== 'r' && held.product !== null && isSame(held.product, product)) return;
  update(ctx, id, () => ({ ...held, product }));
};

function isSame(a: ProductHead, b: ProductHead): boolean {
  return (Object.keys(a) as (keyof ProductHead)[]).every((field) => a[field] === b[field]);
}

/** A sorted list of ids that rows add to and take from. */
function listed(list: 'variants' | 'tags', column: string): Handler {
  return (change, ctx) => {
    const { gone, row } = identity(change, 'product_id', column);
    if (gone !== null) {
      const id = text(gone, column);
      update(ctx, text(gone, 'product_id'), (held) => ({
        ...held,
        [list]: held[list].filter((other) => other !== id),
      }));
    }
    if (row === null) return;
    const productId = text(row, 'product_id');
    const id = text(row, column);
    if (ctx.stores.products.get(productId)?.[list].includes(id) === true) return;
    update(ctx, productId, (held) => ({ ...held, [list]: [...held[list], id].sort() }));
  };
}

const onPrice: Handler = (change, ctx) => {
  const { gone, row } = identity(change, 'product_id', 'price_id');
  if (gone !== null) {
    const priceId = text(gone, 'price_id');
    update(ctx, text(gone, 'product_id'), (held) => ({ ...held, rows: without(held.rows, priceId) }));
  }
  if (row === null) return;
  const priceId = text(row, 'price_id');
  const price = {
    variantId: optionalText(row, 'variant_id'),
    amount: hundredths(text(row, 'amount')),
    currency: text(row, 'currency'),
    fromUs: row['valid_from'] === -Infinity ? 0 : microseconds(row, 'valid_from'),
    toUs: optionalMicroseconds(row, 'valid_to'),
    reason: optionalText(row, 'reason'),
  };
  update(ctx, text(row, 'product_id'), (held) => ({ ...held, rows: { ...held.rows, [priceId]: price } }));
};

const emptied: Readonly<Record<string, Partial<ProductPrices>>> = {
  products: { product: null, emitted: {}, history: [] },
  product_variants: { variants: [] },
  product_tags: { tags: [] },
  prices: { rows: {} },
};

export const productRows = {
  handlers: {
    products: onProduct,
    product_variants: listed('variants', 'variant_id'),
    product_tags: listed('tags', 'tag_id'),
    prices: onPrice,
  } as Readonly<Record<string, Handler>>,

  truncate(table: string, ctx: Ctx): void {
    const patch = emptied[table];
    if (patch === undefined) return;
    for (const id of ctx.stores.products.keys()) update(ctx, id, (held) => ({ ...held, ...patch }));
  },
};
