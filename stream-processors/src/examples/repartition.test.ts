import { expect, test } from '@jest/globals';
import { hundredths, text } from '../fields/index.ts';
import { definePipeline, sum } from '../operators/index.ts';
import { ProcessorDriver, insertInto, update } from '../testing/index.ts';

interface Vendors {
  readonly vendor: { readonly cents: number };
}

/** Lines of orders are partitioned by order. Each task reads all of them, and keeps those of its own vendors. */
const vendors = definePipeline<Vendors>({ name: 'vendors', output: 'views.vendors', stateVersion: 1 }, (flow) => {
  flow
    .table('cdc.orders', 'order_items', {
      partitions: 'all',
      owner: (row) => text(row, 'vendor_id'),
      key: ['order_id', 'item_id'],
      value: (row) => ({ vendor: text(row, 'vendor_id'), cents: hundredths(text(row, 'total_price')) }),
    })
    .groupBy(({ vendor }) => vendor)
    .measure({ cents: sum(({ cents }) => cents) })
    .toView('vendor', (sums) => sums);
});

const line = (order: string, vendor: string, total: string) => ({
  order_id: order,
  item_id: 'i',
  vendor_id: vendor,
  total_price: total,
});

test('orders of several partitions come together by vendor', async () => {
  const driver = await ProcessorDriver.open<Vendors>(vendors, { partitions: 4 });
  await driver.commit(...['a', 'b', 'c', 'd'].map((order) => insertInto('order_items', line(order, 'v', '1.00'))));
  expect(driver.view('vendor')).toEqual(new Map([['v', { cents: 400 }]]));

  // From one vendor to another, which another task may hold: both are as of the same commit.
  const moved = await driver.commit(update('order_items', line('c', 'w', '1.00')));
  expect(driver.view('vendor', moved)).toEqual(
    new Map([
      ['v', { cents: 300 }],
      ['w', { cents: 100 }],
    ]),
  );
});
