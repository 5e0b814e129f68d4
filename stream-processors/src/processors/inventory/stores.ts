import type { Row } from '@millrace/schemas/cdc';
import { text } from '../../fields/index.ts';
import type { Context } from '../../runtime/index.ts';
import { keyedStore } from '../../runtime/index.ts';
import type { ProductStock } from './stock.ts';

export const stores = {
  products: keyedStore<ProductStock>(),
  /** `snapshot`: the position of the first movements that were read from the table. */
  first: keyedStore<string>(),
};

export type Ctx = Context<typeof stores>;

export const noStock: ProductStock = {
  tenantId: null,
  variants: [],
  levels: {},
  reservations: {},
  unexplained: {},
  begun: null,
  sales: {},
  shown: null,
  alarmed: false,
};

/** Changes what is held of the row's product, and says that its stock changed. What is empty is not held. */
export function update(ctx: Ctx, row: Row, change: (held: ProductStock) => ProductStock): void {
  const id = text(row, 'product_id');
  const next = change(ctx.stores.products.get(id) ?? noStock);
  const { tenantId, variants, levels, reservations } = next;
  const isGone =
    tenantId === null &&
    variants.length === 0 &&
    Object.keys(levels).length === 0 &&
    Object.keys(reservations).length === 0;
  if (isGone) ctx.stores.products.delete(id);
  else ctx.stores.products.set(id, next);
  ctx.touch(id);
}
