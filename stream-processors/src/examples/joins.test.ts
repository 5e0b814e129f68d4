import { expect, test } from '@jest/globals';
import { text } from '../fields/index.ts';
import { definePipeline } from '../operators/index.ts';
import { ProcessorDriver, deleteFrom, insertInto, update } from '../testing/index.ts';

interface Offers {
  readonly offer: { readonly product: string; readonly vendor: string | null };
}

const offers = definePipeline<Offers>({ name: 'offers', output: 'views.offers', stateVersion: 1 }, (flow) => {
  const vendors = flow.reference('vendors', { key: ['vendor_id'], value: (row) => ({ name: text(row, 'name') }) });
  const products = flow.table('cdc.catalog', 'products', {
    key: ['product_id'],
    value: (row) => ({ name: text(row, 'name'), vendorId: text(row, 'vendor_id') }),
  });
  products
    .leftJoinOn(
      vendors,
      ({ vendorId }) => vendorId,
      (product, vendor) => ({ product: product.name, vendor: vendor?.name ?? null }),
    )
    .toView('offer', (offer) => offer);
});

const product = (id: string, vendor: string) => ({ product_id: id, name: `Chair ${id}`, vendor_id: vendor });

test('a vendor that changes is told to every product that refers to it', async () => {
  const driver = await ProcessorDriver.open<Offers>(offers);
  await driver.commit(insertInto('products', product('a', 'v')), insertInto('products', product('b', 'w')));
  expect(driver.get('offer', 'a')).toEqual({ product: 'Chair a', vendor: null });

  await driver.commit(insertInto('vendors', { vendor_id: 'v', name: 'Acme' }));
  await driver.commit(update('vendors', { vendor_id: 'v', name: 'Acme Ltd' }));
  expect(driver.history('offer', 'a').map(({ data }) => data?.vendor)).toEqual([null, 'Acme', 'Acme Ltd']);
  expect(driver.history('offer', 'b')).toHaveLength(1);

  await driver.commit(deleteFrom('products', { product_id: 'a' }));
  expect(driver.get('offer', 'a')).toBeUndefined();
});
