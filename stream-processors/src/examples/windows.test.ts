import { expect, test } from '@jest/globals';
import { integer, microseconds, text } from '../fields/index.ts';
import { definePipeline, hours, minutes, sum, tumbling } from '../operators/index.ts';
import { ProcessorDriver, insertInto } from '../testing/index.ts';

interface Hours {
  readonly hour: { readonly product: string; readonly startUs: number; readonly moved: number };
  readonly late: { readonly moved: number };
}

const hourly = definePipeline<Hours>({ name: 'hourly', output: 'views.hourly', stateVersion: 1 }, (flow) => {
  const windows = flow
    .events('cdc.catalog', 'stock_movements', {
      key: ['product_id', 'movement_id'],
      value: (row) => ({
        product: text(row, 'product_id'),
        delta: integer(row, 'delta'),
        atUs: microseconds(row, 'created_at'),
      }),
    })
    .groupBy(({ product }) => product)
    .measureIn(
      tumbling(hours(1)),
      { at: ({ atUs }) => atUs, graceUs: minutes(5) },
      { moved: sum(({ delta }) => delta) },
    );

  // Told at each change while the window is open. `windows.closed` tells each result once, when it is final.
  windows.results.toView('hour', ({ group, startUs, result }) => ({ product: group, startUs, ...result }));
  // Whatever came too late for its window is in none, and goes here.
  windows.late.toView('late', ({ value }) => ({ moved: value.delta }));
});

test('values count in the hour they belong to; what comes after its hour has closed is told apart', async () => {
  const driver = await ProcessorDriver.open<Hours>(hourly);
  const at = driver.nowUs;
  const movement = (id: string, delta: number, atUs: number) =>
    insertInto('stock_movements', { product_id: 'p', movement_id: id, delta, kind: 'sale', created_at: atUs });

  await driver.commit(movement('a', -2, at), movement('b', -1, at + minutes(59)));
  await driver.pass(minutes(61));
  await driver.commit(movement('c', -4, at + minutes(30)), movement('d', -8, at + minutes(61)));
  expect(driver.get('hour', `p@${at}`)).toEqual({ product: 'p', startUs: at, moved: -7 });
  expect(driver.get('hour', `p@${at + hours(1)}`)?.moved).toBe(-8);

  await driver.pass(minutes(5));
  await driver.commit(movement('e', -16, at));
  expect(driver.get('hour', `p@${at}`)?.moved).toBe(-7);
  expect([...driver.view('late').values()]).toEqual([{ moved: -16 }]);
});
