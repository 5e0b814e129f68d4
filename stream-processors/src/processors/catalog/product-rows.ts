import type { Change, Row } from '@millrace/schemas/cdc';
import { identity, integer, jsonObject, microseconds, optionalText, text, without } from '../../fields/index.ts';
import type { ProductHead } from './document.ts';
import { update } from './stores.ts';
import type { Ctx } from './stores.ts';

type Handler = (change: Change, ctx: Ctx) => void;

const product: Handler = (change, ctx) => {
  const { gone, row } = identity(change, 'product_id');
  if (gone !== null) {
    const id = text(gone, 'product_id');
    // Also where it is unknown here: whoever follows the view may still show it.
    if (ctx.stores.products.get(id) === undefined) ctx.touch(id);
    else update(ctx, id, (parts) => ({ ...parts, head: null }));
  }
  if (row !== null) {
    update(ctx, text(row, 'product_id'), (parts) => ({ ...parts, head: headOf(row, parts.head) }));
  }
};

function headOf(row: Row, held: ProductHead | null): ProductHead {
  return {
    tenantId: text(row, 'tenant_id'),
    sku: text(row, 'sku'),
    name: text(row, 'name', held?.name),
    description: optionalText(row, 'description', held?.description),
    status: text(row, 'status'),
    categoryId: optionalText(row, 'category_id'),
    vendorId: optionalText(row, 'vendor_id'),
    attributes: jsonObject(row, 'attributes', held?.attributes),
    createdAtUs: microseconds(row, 'created_at'),
    updatedAtUs: microseconds(row, 'updated_at'),
  };
}

const variant: Handler = (change, ctx) => {
  const { gone, row } = identity(change, 'product_id', 'variant_id');
  if (gone !== null) {
    const key = text(gone, 'variant_id');
    update(ctx, text(gone, 'product_id'), (parts) => ({ ...parts, variants: without(parts.variants, key) }));
  }
  if (row === null) return;
  const variantId = text(row, 'variant_id');
  update(ctx, text(row, 'product_id'), (parts) => {
    const held = parts.variants[variantId];
    const next = {
      sku: text(row, 'sku'),
      name: optionalText(row, 'name', held?.name),
      attributes: jsonObject(row, 'attributes', held?.attributes),
    };
    return { ...parts, variants: { ...parts.variants, [variantId]: next } };
  });
};

const tag: Handler = (change, ctx) => {
  const { gone, row } = identity(change, 'product_id', 'tag_id');
  if (gone !== null) {
    const key = text(gone, 'tag_id');
    update(ctx, text(gone, 'product_id'), (parts) => ({ ...parts, tags: without(parts.tags, key) }));
  }
  if (row === null) return;
  const tagId = text(row, 'tag_id');
  update(ctx, text(row, 'product_id'), (parts) => ({
    ...parts,
    tags: { ...parts.tags, [tagId]: optionalText(row, 'value', parts.tags[tagId]) },
  }));
};

const image: Handler = (change, ctx) => {
  const { gone, row } = identity(change, 'product_id', 'image_id');
  if (gone !== null) {
    const key = text(gone, 'image_id');
    update(ctx, text(gone, 'product_id'), (parts) => ({ ...parts, images: without(parts.images, key) }));
  }
  if (row === null) return;
  const imageId = text(row, 'image_id');
  update(ctx, text(row, 'product_id'), (parts) => {
    const held = parts.images[imageId];
    const next = {
      url: text(row, 'url', held?.url),
      alt: optionalText(row, 'alt', held?.alt),
      position: integer(row, 'position'),
    };
    return { ...parts, images: { ...parts.images, [imageId]: next } };
  });
};

/** Only published reviews count; one that is withdrawn leaves the sum again. */
const review: Handler = (change, ctx) => {
  const { gone, row } = identity(change, 'product_id', 'review_id');
  if (gone !== null) rate(ctx, gone, null);
  if (row !== null) rate(ctx, row, text(row, 'status') === 'published' ? integer(row, 'rating') : null);
};

function rate(ctx: Ctx, row: Row, rating: number | null): void {
  const productId = text(row, 'product_id');
  const key = `${productId}/${text(row, 'review_id')}`;
  const before = ctx.stores.reviews.get(key);
  if ((before?.rating ?? null) === rating) return;
  if (rating === null) ctx.stores.reviews.delete(key);
  else ctx.stores.reviews.set(key, { rating });
  update(ctx, productId, (parts) => ({
    ...parts,
    rating: {
      count: parts.rating.count - (before === undefined ? 0 : 1) + (rating === null ? 0 : 1),
      sum: parts.rating.sum - (before?.rating ?? 0) + (rating ?? 0),
    },
  }));
}

const emptied: Readonly<Record<string, Record<string, unknown>>> = {
  products: { head: null },
  product_variants: { variants: {} },
  product_tags: { tags: {} },
  product_images: { images: {} },
  reviews: { rating: { count: 0, sum: 0 } },
};

export const productRows = {
  handlers: {
    products: product,
    product_variants: variant,
    product_tags: tag,
    product_images: image,
    reviews: review,
  } as Readonly<Record<string, Handler>>,

  truncate(table: string, ctx: Ctx): void {
    const patch = emptied[table];
    if (patch === undefined) return;
    if (table === 'reviews') for (const key of ctx.stores.reviews.keys()) ctx.stores.reviews.delete(key);
    for (const id of ctx.stores.products.keys()) update(ctx, id, (parts) => ({ ...parts, ...patch }));
  },
};
