import { bucketOf } from '../../background/index.ts';
import type { Sweep } from '../../background/index.ts';
import type { Context } from '../../runtime/index.ts';
import { keyedStore } from '../../runtime/index.ts';
import type { PastPrice } from './history.ts';
import type { BasePrice, PriceRows } from './list-price.ts';
import type { PriceRule } from './rules.ts';

export interface ProductHead extends BasePrice {
  readonly tenantId: string;
  readonly categoryId: string | null;
  readonly vendorId: string | null;
}

export interface ProductPrices {
  /** Where a sweep finds it. */
  readonly bucket: string;
  /** Null until the product's own row is seen. */
  readonly product: ProductHead | null;
  /** Sorted. */
  readonly variants: readonly string[];
  /** Tag ids, sorted. */
  readonly tags: readonly string[];
  /** By price id. */
  readonly rows: PriceRows;
  /** Each variant's price as last emitted. */
  readonly emitted: Readonly<Record<string, { readonly amount: number; readonly currency: string }>>;
  /** The product's price over the last 30 days. */
  readonly history: readonly PastPrice[];
}

export interface Category {
  readonly parentId: string | null;
}

export const stores = {
  products: keyedStore<ProductPrices, 'category' | 'vendor' | 'tag' | 'bucket'>({
    category: ({ product }) => product?.categoryId ?? null,
    vendor: ({ product }) => product?.vendorId ?? null,
    tag: ({ tags }) => tags,
    bucket: ({ bucket }) => bucket,
  }),
  categories: keyedStore<Category, 'parent'>({ parent: ({ parentId }) => parentId }),
  rules: keyedStore<PriceRule, 'scope'>({ scope: ({ scope, scopeId }) => `${scope}/${scopeId}` }),
  /** By cause: `<table>/<id>` of the row. */
  sweeps: keyedStore<Sweep>(),
};

export type Ctx = Context<typeof stores>;

export function noPrices(productId: string): ProductPrices {
  const bucket = bucketOf(productId);
  return { bucket, product: null, variants: [], tags: [], rows: {}, emitted: {}, history: [] };
}

/** Changes what is held of a product, and says that its prices changed. What is empty is not held. */
export function update(ctx: Ctx, productId: string, change: (held: ProductPrices) => ProductPrices): void {
  const next = change(ctx.stores.products.get(productId) ?? noPrices(productId));
  const { product, variants, tags, rows } = next;
  const isGone = product === null && variants.length === 0 && tags.length === 0 && Object.keys(rows).length === 0;
  if (isGone) ctx.stores.products.delete(productId);
  else ctx.stores.products.set(productId, next);
  ctx.touch(productId);
}
