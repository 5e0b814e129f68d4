import type { OrderView } from '@millrace/schemas/views';
import { isoMicroseconds } from '../../fields/index.ts';

/** An order of more products than this says nothing of taste: it counts for nothing, and its pairs would be too many. */
const MOST_PRODUCTS = 50;
const unsold: readonly string[] = ['cancelled', 'returned', 'refunded'];
const DAY_US = 24 * 3600 * 1_000_000;

/** What an order counts for: each two of its products were bought together when it was placed. */
export interface Basket {
  readonly tenantId: string;
  readonly placedAtUs: number;
  /** Different ones, at least two, in order. */
  readonly products: readonly string[];
}

/** Null: the order counts for nothing. */
export function basketOf({ tenantId, status, placedAt, items }: OrderView): Basket | null {
  if (unsold.includes(status)) return null;
  const products = [...new Set(items.map(({ productId }) => productId))].sort();
  if (products.length < 2 || products.length > MOST_PRODUCTS) return null;
  return { tenantId, placedAtUs: isoMicroseconds(placedAt), products };
}

/** Whether the two count for the same. */
export function countSame(a: Basket, b: Basket): boolean {
  return a.placedAtUs === b.placedAtUs && a.products.join() === b.products.join();
}

export function dayOf(us: number): number {
  return Math.floor(us / DAY_US);
}

export function dayEndUs(day: number): number {
  return (day + 1) * DAY_US;
}
