import type {
  CartView,
  OrderView,
  PriceView,
  ProductView,
  RecommendationView,
  StockView,
  ViewEntry,
} from '@millrace/schemas/views';
import { orderText } from './order-text.ts';

/** View documents in the comparable form of `expected.ts`: lists whose order means nothing become maps. */
type Comparable = Record<string, unknown>;

/** An object of data keys, in the keys' order: the same document is always the same text. */
function inOrder(entries: readonly (readonly [string, unknown])[]): Comparable {
  const isMany = entries.length > 1;
  return Object.fromEntries(
    isMany ? entries.toSorted(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)) : entries,
  );
}

export function comparableStock(view: StockView): Comparable {
  return {
    productId: view.productId,
    onHand: view.onHand,
    reserved: view.reserved,
    available: view.available,
    status: view.status,
    warehouses: inOrder(
      view.variants.flatMap((variant) =>
        variant.warehouses.map((level) => [
          `${variant.variantId}/${level.warehouseId}`,
          [level.onHand, level.reserved, level.available],
        ]),
      ),
    ),
  };
}

export function comparablePrice(view: PriceView): Comparable {
  return {
    productId: view.productId,
    baseAmount: view.baseAmount,
    amount: view.amount,
    currency: view.currency,
    variants: inOrder(view.variants.map((variant) => [variant.variantId, [variant.amount, variant.currency]])),
  };
}

export function comparableProduct(view: ProductView): Comparable {
  return {
    productId: view.productId,
    sku: view.sku,
    name: view.name,
    description: view.description,
    status: view.status,
    categoryPath: view.categoryPath,
    vendor: view.vendor,
    attributes: view.attributes,
    tags: inOrder(view.tags.map((tag) => [tag.name, tag.value])),
    variants: inOrder(view.variants.map((variant) => [variant.variantId, [variant.sku, variant.name]])),
    price: view.price === null ? null : [view.price.amount, view.price.currency],
    stock: { available: view.stock.available, status: view.stock.status },
    ratingCount: view.rating.count,
  };
}

export function comparableOrder(view: OrderView): Comparable {
  return JSON.parse(orderText(view)) as Comparable;
}

export function comparableCart(view: CartView): Comparable {
  const { cartId, customerId, status, createdAt, items } = view;
  return {
    ...{ cartId, customerId, status, createdAt },
    items: inOrder(items.map(({ productId, variantId, quantity }) => [`${productId}/${variantId}`, quantity])),
  };
}

export function comparableRecommendation({ productId, asOf, items }: RecommendationView): Comparable {
  return {
    ...{ productId, asOf },
    items: items.map(({ productId: otherId, score, orders }) => [otherId, Math.round(score * 1_000_000), orders]),
  };
}

/** Of an entry of a view's log; null where nothing of it is compared. */
export function comparableDocument({ kind, data }: ViewEntry): Comparable | null {
  if (data === null) return null;
  switch (kind) {
    case 'product':
      return comparableProduct(data as ProductView);
    case 'stock':
      return comparableStock(data as StockView);
    case 'price':
      return comparablePrice(data as PriceView);
    case 'order':
      return comparableOrder(data as OrderView);
    case 'cart':
      return comparableCart(data as CartView);
    case 'recommendation':
      return comparableRecommendation(data as RecommendationView);
    default:
      return null;
  }
}
