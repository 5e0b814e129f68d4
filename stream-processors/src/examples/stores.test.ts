import { expect, test } from '@jest/globals';
import { identity, integer, text } from '../fields/index.ts';
import { defineProcessor, keyedStore, rowsOf } from '../runtime/index.ts';
import { ProcessorDriver, insertInto, update } from '../testing/index.ts';

interface Level {
  readonly productId: string;
  readonly quantity: number;
}

/** Without operators: what is in store, by product, found over an index. */
const levels = defineProcessor({
  name: 'levels',
  output: 'views.inventory',
  stateVersion: 1,
  inputs: [rowsOf('cdc.catalog', 'inventory')],
  stores: { levels: keyedStore<Level, 'product'>({ product: ({ productId }) => productId }) },

  apply(change, ctx) {
    const { gone, row } = identity(change, 'product_id', 'variant_id', 'warehouse_id');
    for (const each of [gone, row]) {
      if (each === null) continue;
      const productId = text(each, 'product_id');
      const key = `${productId}/${text(each, 'variant_id')}/${text(each, 'warehouse_id')}`;
      if (each === gone) ctx.stores.levels.delete(key);
      else ctx.stores.levels.set(key, { productId, quantity: integer(each, 'quantity') });
      ctx.touch(productId);
    }
  },

  emit(productId, ctx) {
    let onHand = 0;
    for (const key of ctx.stores.levels.keysBy('product', productId))
      onHand += ctx.stores.levels.get(key)?.quantity ?? 0;
    const sums = { onHand, reserved: 0, available: onHand, status: 'in_stock', lowStockThreshold: 0 } as const;
    ctx.put('stock', productId, { tenantId: '', productId, ...sums, variants: [] });
  },
});

test('every warehouse counts, once per commit', async () => {
  const driver = await ProcessorDriver.open(levels);
  const level = (warehouse: string, quantity: number) => ({
    product_id: 'p',
    variant_id: 'p',
    warehouse_id: warehouse,
    quantity,
  });
  await driver.commit(insertInto('inventory', level('w1', 3)), insertInto('inventory', level('w2', 4)));
  await driver.commit(update('inventory', level('w1', 0)));
  expect(driver.history('stock', 'p').map(({ data }) => data?.onHand)).toEqual([7, 4]);
});
