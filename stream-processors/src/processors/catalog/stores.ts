import { bucketOf } from '../../background/index.ts';
import type { Sweep } from '../../background/index.ts';
import type { Context } from '../../runtime/index.ts';
import { keyedStore } from '../../runtime/index.ts';
import type { ProductParts } from './document.ts';
import { noParts } from './document.ts';

export interface Category {
  readonly parentId: string | null;
  readonly name: string;
}
export interface Named {
  readonly name: string;
}
/** A published review's rating. */
export interface Review {
  readonly rating: number;
}

export const stores = {
  products: keyedStore<ProductParts, 'category' | 'vendor' | 'tag' | 'bucket'>({
    category: ({ head }) => head?.categoryId ?? null,
    vendor: ({ head }) => head?.vendorId ?? null,
    tag: ({ tags }) => Object.keys(tags),
    bucket: ({ bucket }) => bucket,
  }),
  /** By `<productId>/<reviewId>`. */
  reviews: keyedStore<Review>(),
  categories: keyedStore<Category, 'parent'>({ parent: ({ parentId }) => parentId }),
  tags: keyedStore<Named>(),
  vendors: keyedStore<Named>(),
  /** By cause: `<table>/<id>` of the row. */
  sweeps: keyedStore<Sweep>(),
};

export type Ctx = Context<typeof stores>;

/** Changes what is held of a product, and says that its document changed. */
export function update(ctx: Ctx, productId: string, change: (parts: ProductParts) => ProductParts): void {
  ctx.stores.products.set(productId, change(ctx.stores.products.get(productId) ?? partsOf(productId)));
  ctx.touch(productId);
}

export function partsOf(productId: string): ProductParts {
  return { ...noParts, bucket: bucketOf(productId) };
}
