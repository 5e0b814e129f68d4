import type { SaleDeltaView } from '@millrace/schemas/views';
import type { Ctx, OrderHead, OrderLine } from './stores.ts';

/** What a sale is counted under: as of the commit in which the line was first seen. */
export interface SaleTerms extends Pick<
  SaleDeltaView,
  'productId' | 'variantId' | 'categoryId' | 'category' | 'vendorId' | 'vendor' | 'customerId'
> {
  /** Rows (`<table>/<id>`) of these that are not known. */
  readonly awaits: readonly string[];
}

/** What all deltas of a line add up to: nothing (`lines` 0) where it is not sold. */
export interface Sold extends SaleTerms {
  readonly tenantId: string;
  readonly currency: string;
  readonly placedAtUs: number;
  readonly lines: number;
  readonly quantity: number;
  /** Hundredths. */
  readonly amount: number;
}

/** Orders of these statuses are no sale. All others count: revenue is that of every order which was not called off. */
const unsoldStatuses: readonly string[] = ['cancelled'];

/** A line as it is sold now. Its terms stay what they were (`before`), unless it is another product's now, or some of them were not known. */
export function soldNow(ctx: Ctx, head: OrderHead, line: OrderLine, before: Sold | undefined): Sold {
  const isSold = !unsoldStatuses.includes(head.status);
  return {
    ...termsOf(ctx, head, line, before),
    tenantId: head.tenantId,
    currency: head.currency,
    placedAtUs: head.placedAtUs,
    lines: isSold ? 1 : 0,
    quantity: isSold ? line.quantity : 0,
    amount: isSold ? line.amount : 0,
  };
}

function termsOf(ctx: Ctx, head: OrderHead, line: OrderLine, before: Sold | undefined): SaleTerms {
  const { productId, variantId } = line;
  const isSame = before?.productId === productId && before.variantId === variantId;
  if (isSame && before.awaits.length === 0) return before;
  const product = ctx.stores.products.get(productId);
  const categoryId = product?.categoryId ?? null;
  const vendorId = line.vendorId ?? product?.vendorId ?? null;
  const category = categoryId === null ? undefined : ctx.stores.categories.get(categoryId);
  const vendor = vendorId === null ? undefined : ctx.stores.vendors.get(vendorId);
  const awaits: string[] = [];
  if (product === undefined) awaits.push(`products/${productId}`);
  if (categoryId !== null && category === undefined) awaits.push(`categories/${categoryId}`);
  if (vendorId !== null && vendor === undefined) awaits.push(`vendors/${vendorId}`);
  const customerId = isSame ? before.customerId : head.customerId;
  return {
    ...{ productId, variantId, customerId, categoryId, vendorId, awaits },
    category: category?.name ?? null,
    vendor: vendor?.name ?? null,
  };
}
