import type { Row } from '@millrace/schemas/cdc';
import { text } from '../../fields/index.ts';
import type { Context } from '../../runtime/index.ts';
import { keyedStore } from '../../runtime/index.ts';
import type { Sold } from './line.ts';

export interface OrderHead {
  readonly tenantId: string;
  readonly customerId: string | null;
  readonly status: string;
  readonly currency: string;
  readonly placedAtUs: number;
}

/** Amount in hundredths. */
export interface OrderLine {
  readonly productId: string;
  readonly variantId: string | null;
  readonly vendorId: string | null;
  readonly quantity: number;
  readonly amount: number;
}

export interface OrderSales {
  /** Null until the order's own row is seen. */
  readonly head: OrderHead | null;
  /** By item id. */
  readonly lines: Readonly<Record<string, OrderLine>>;
  /** What all deltas so far add up to, by item id. */
  readonly told: Readonly<Record<string, Sold>>;
}

export interface SoldProduct {
  readonly categoryId: string | null;
  readonly vendorId: string | null;
}

export interface Named {
  readonly name: string;
}

export const stores = {
  /** `awaits`: rows (`<table>/<id>`) that a line was sold with and that were not there. */
  orders: keyedStore<OrderSales, 'awaits'>({
    awaits: ({ told }) => [...new Set(Object.values(told).flatMap(({ awaits }) => awaits))],
  }),
  products: keyedStore<SoldProduct>(),
  categories: keyedStore<Named>(),
  vendors: keyedStore<Named>(),
};
export type Ctx = Context<typeof stores>;

const empty: OrderSales = { head: null, lines: {}, told: {} };

/** Changes what is held of the row's order, and says that it changed. */
export function update(ctx: Ctx, row: Row, change: (held: OrderSales) => OrderSales): void {
  const id = text(row, 'order_id');
  ctx.stores.orders.set(id, change(ctx.stores.orders.get(id) ?? empty));
  ctx.touch(id);
}
