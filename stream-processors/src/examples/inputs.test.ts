import { expect, test } from '@jest/globals';
import { text } from '../fields/index.ts';
import { definePipeline } from '../operators/index.ts';
import { pricing } from '../processors/index.ts';
import { ProcessorDriver, insertInto } from '../testing/index.ts';

interface Labels {
  readonly label: { readonly name: string; readonly amount: string | null };
}

const labels = definePipeline<Labels>({ name: 'labels', output: 'views.labels', stateVersion: 1 }, (flow) => {
  const products = flow.table<{ readonly name: string }>('cdc.catalog', 'products', {
    key: ['product_id'],
    value: (row, held) => ({ name: text(row, 'name', held?.name) }),
  });
  const prices = flow.view('views.pricing', 'price', { value: ({ amount }) => ({ amount }) });
  products
    .leftJoin(prices, ({ name }, price) => ({ name, amount: price?.amount ?? null }))
    .toView('label', (label) => label);
});

test('rows and another processor’s view are joined as of the same commit', async () => {
  const driver = await ProcessorDriver.open<Labels>([pricing, labels]);
  const created = await driver.commit(
    insertInto('products', {
      product_id: 'p',
      sku: 'p',
      name: 'Chair',
      status: 'active',
      base_price: '20.00',
      currency: 'EUR',
    }),
  );
  // One entry, not two: the row and the price that was made of it have the same position.
  expect(driver.history('label', 'p')).toEqual([{ lsn: created, data: { name: 'Chair', amount: '20.00' } }]);
});
