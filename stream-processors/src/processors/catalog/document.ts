import type { ProductView, StockStatus } from '@millrace/schemas/views';
import { isoTime } from '../../fields/index.ts';

type JsonObject = Readonly<Record<string, unknown>>;

export interface ProductHead {
  readonly tenantId: string;
  readonly sku: string;
  readonly name: string;
  readonly description: string | null;
  readonly status: string;
  readonly categoryId: string | null;
  readonly vendorId: string | null;
  readonly attributes: JsonObject;
  readonly createdAtUs: number;
  readonly updatedAtUs: number;
}

/** What a product's own rows and views say; names of tags, category and vendor are looked up when the document is made. */
export interface ProductParts {
  /** Where a sweep finds it. */
  readonly bucket: string;
  /** Null until the product's own row is seen. */
  readonly head: ProductHead | null;
  readonly variants: Readonly<
    Record<string, { readonly sku: string; readonly name: string | null; readonly attributes: JsonObject }>
  >;
  /** Values by tag id. */
  readonly tags: Readonly<Record<string, string | null>>;
  readonly images: Readonly<
    Record<string, { readonly url: string; readonly alt: string | null; readonly position: number }>
  >;
  /** Published reviews: how many, and the sum of their ratings. */
  readonly rating: { readonly count: number; readonly sum: number };
  readonly price: {
    readonly amount: string;
    readonly currency: string;
    readonly variants: Readonly<Record<string, string>>;
  } | null;
  readonly stock: {
    readonly available: number;
    readonly status: StockStatus;
    /** Absent in state written before it was kept. */
    readonly soldPerDay?: number | null;
    readonly variants: Readonly<Record<string, number>>;
  } | null;
}

export const noParts: Omit<ProductParts, 'bucket'> = {
  head: null,
  variants: {},
  tags: {},
  images: {},
  rating: { count: 0, sum: 0 },
  price: null,
  stock: null,
};

export interface Names {
  tag(id: string): string | undefined;
  vendor(id: string): string | undefined;
  /** From the root down. */
  categoryPath(id: string): readonly string[];
}

export function isEmpty(parts: ProductParts): boolean {
  const { head, variants, tags, images, rating, price, stock } = parts;
  const size = Object.keys(variants).length + Object.keys(tags).length + Object.keys(images).length + rating.count;
  return head === null && price === null && stock === null && size === 0;
}

/** Lists are in a fixed order: variants by id, tags by name, images by place. */
export function productView(productId: string, head: ProductHead, parts: ProductParts, names: Names): ProductView {
  const { price, stock, rating } = parts;
  return {
    tenantId: head.tenantId,
    productId,
    sku: head.sku,
    name: head.name,
    description: head.description,
    status: head.status,
    categoryId: head.categoryId,
    categoryPath: head.categoryId === null ? [] : names.categoryPath(head.categoryId),
    vendorId: head.vendorId,
    vendor: head.vendorId === null ? null : (names.vendor(head.vendorId) ?? null),
    tags: Object.entries(parts.tags)
      .flatMap(([tagId, value]) => {
        const name = names.tag(tagId);
        return name === undefined ? [] : [{ tagId, name, value }];
      })
      .sort((a, b) => order(a.name, b.name) || order(a.tagId, b.tagId)),
    images: Object.entries(parts.images)
      .sort(([a, one], [b, other]) => one.position - other.position || order(a, b))
      .map(([imageId, { url, alt }]) => ({ imageId, url, alt })),
    attributes: head.attributes,
    variants: Object.entries(parts.variants)
      .sort(([a], [b]) => order(a, b))
      .map(([variantId, variant]) => ({
        variantId,
        ...variant,
        amount: price?.variants[variantId] ?? null,
        available: stock?.variants[variantId] ?? 0,
      })),
    price: price === null ? null : { amount: price.amount, currency: price.currency },
    stock: {
      available: stock?.available ?? 0,
      status: stock?.status ?? 'out_of_stock',
      soldPerDay: stock?.soldPerDay ?? null,
    },
    rating: {
      average: rating.count === 0 ? null : Math.round((rating.sum * 100) / rating.count) / 100,
      count: rating.count,
    },
    createdAt: isoTime(head.createdAtUs),
    updatedAt: isoTime(head.updatedAtUs),
  };
}

function order(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
