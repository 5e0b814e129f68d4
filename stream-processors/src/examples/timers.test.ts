import { expect, test } from '@jest/globals';
import { integer, microseconds, text } from '../fields/index.ts';
import { definePipeline, minutes, sum } from '../operators/index.ts';
import { ProcessorDriver, insertInto } from '../testing/index.ts';

interface Held {
  readonly held: { readonly quantity: number };
}

const held = definePipeline<Held>({ name: 'held', output: 'views.held', stateVersion: 1 }, (flow) => {
  flow
    .table('cdc.catalog', 'reservations', {
      key: ['product_id', 'reservation_id'],
      value: (row) => ({
        product: text(row, 'product_id'),
        quantity: integer(row, 'quantity'),
        untilUs: microseconds(row, 'expires_at'),
      }),
    })
    .during(({ untilUs }) => ({ fromUs: 0, untilUs }))
    .groupBy(({ product }) => product)
    .measure({ quantity: sum(({ quantity }) => quantity) })
    .toView('held', (sums) => sums);
});

test('a reservation expires at its moment, without any row changing and over a restart', async () => {
  const driver = await ProcessorDriver.open<Held>(held);
  const hold = (id: string, quantity: number, minutesLeft: number) =>
    insertInto('reservations', {
      product_id: 'p',
      reservation_id: id,
      quantity,
      expires_at: driver.nowUs + minutes(minutesLeft),
    });
  await driver.commit(hold('a', 2, 15), hold('b', 3, 30));
  expect(driver.get('held', 'p')).toEqual({ quantity: 5 });

  await driver.restart();
  await driver.pass(minutes(15));
  expect(driver.get('held', 'p')).toEqual({ quantity: 3 });
  await driver.pass(minutes(15));
  expect(driver.get('held', 'p')).toBeUndefined();
});
