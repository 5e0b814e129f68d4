import { expect, test } from '@jest/globals';
import { hundredths, integer, text } from '../fields/index.ts';
import { count, definePipeline, first, highest, sum } from '../operators/index.ts';
import { ProcessorDriver, deleteFrom, insertInto, update } from '../testing/index.ts';

interface Baskets {
  readonly basket: { lines: number; pieces: number; cents: number; dearest: number | null; biggest: string | null };
}

const baskets = definePipeline<Baskets>({ name: 'baskets', output: 'views.baskets', stateVersion: 1 }, (flow) => {
  flow
    .table('cdc.orders', 'order_items', {
      key: ['order_id', 'item_id'],
      value: (row) => ({
        order: text(row, 'order_id'),
        product: text(row, 'product_id'),
        quantity: integer(row, 'quantity'),
        cents: hundredths(text(row, 'total_price')),
      }),
    })
    .groupBy(({ order }) => order)
    .measure({
      lines: count(),
      pieces: sum(({ quantity }) => quantity),
      cents: sum(({ cents }) => cents),
      dearest: highest(({ cents }) => cents),
      biggest: first((a, b) => b.quantity - a.quantity),
    })
    .toView('basket', ({ biggest, ...basket }) => ({ ...basket, biggest: biggest?.product ?? null }));
});

const line = (item: string, quantity: number, total: string) => ({
  order_id: 'o',
  item_id: item,
  product_id: `p-${item}`,
  quantity,
  total_price: total,
});

test('what changes or goes takes back what it had added', async () => {
  const driver = await ProcessorDriver.open<Baskets>(baskets);
  await driver.commit(insertInto('order_items', line('a', 1, '9.90')), insertInto('order_items', line('b', 3, '6.00')));
  expect(driver.get('basket', 'o')).toEqual({ lines: 2, pieces: 4, cents: 1590, dearest: 990, biggest: 'p-b' });

  await driver.commit(update('order_items', line('b', 1, '2.00')), deleteFrom('order_items', line('a', 1, '9.90')));
  expect(driver.get('basket', 'o')).toEqual({ lines: 1, pieces: 1, cents: 200, dearest: 200, biggest: 'p-b' });

  await driver.commit(deleteFrom('order_items', line('b', 1, '2.00')));
  expect(driver.get('basket', 'o')).toBeUndefined();
});
