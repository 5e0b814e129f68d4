import { defineProcessor, keyedStore, rowsOf } from '../runtime/index.ts';
import type { AnyProcessor } from '../runtime/index.ts';

interface Count {
  readonly movements: number;
  readonly onHand: number;
}

/** One entry out for each row in, with state: the level of a product after each movement. */
export const counter: AnyProcessor = defineProcessor({
  name: 'counter',
  output: 'views.inventory',
  stateVersion: 1,
  inputs: [rowsOf('cdc.catalog', 'stock_movements')],
  stores: { counts: keyedStore<Count>() },
  apply({ after }, ctx) {
    const id = String(after?.['product_id']);
    const { movements, onHand } = ctx.stores.counts.get(id) ?? { movements: 0, onHand: 0 };
    ctx.stores.counts.set(id, { movements: movements + 1, onHand: onHand + Number(after?.['delta']) });
    ctx.touch(id);
  },
  emit(id, ctx) {
    const { movements, onHand } = ctx.stores.counts.get(id) ?? { movements: 0, onHand: 0 };
    ctx.put('stock', id, {
      tenantId: '',
      productId: id,
      onHand,
      reserved: 0,
      available: onHand,
      status: 'in_stock',
      lowStockThreshold: movements,
      variants: [],
    });
  },
});
