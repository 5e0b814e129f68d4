import { expect, test } from '@jest/globals';
import { integer, microseconds, text } from '../fields/index.ts';
import { ProcessorDriver, deleteFrom, insertInto, read, update } from '../testing/index.ts';
import type { TestTable } from '../testing/index.ts';
import { count, definePipeline, minutes, seconds, sum } from './index.ts';

const tables: readonly TestTable[] = [
  {
    topic: 'cdc.play',
    table: 'holds',
    key: ['product_id', 'hold_id'],
    columns: { quantity: 'int', until: 'timestamp' },
  },
];
interface Views {
  readonly held: { readonly quantity: number };
}

test('during: values come and go at their moment without any row changing, over a restart too', async () => {
  const pipeline = definePipeline<Views>({ name: 'holds', output: 'views.holds', stateVersion: 1 }, (flow) => {
    flow
      .table('cdc.play', 'holds', {
        key: ['product_id', 'hold_id'],
        value: (row) => ({
          product: text(row, 'product_id'),
          quantity: integer(row, 'quantity'),
          untilUs: microseconds(row, 'until'),
        }),
      })
      .during(({ untilUs }) => ({ fromUs: 0, untilUs }))
      .groupBy(({ product }) => product)
      .measure({ quantity: sum(({ quantity }) => quantity) })
      .toView('held', (held) => held);
  });
  const driver = await ProcessorDriver.open<Views>(pipeline, { tables });
  const hold = (id: string, quantity: number, afterUs: number) => ({
    product_id: 'p',
    hold_id: id,
    quantity,
    until: driver.nowUs + afterUs,
  });
  await driver.commit(insertInto('holds', hold('a', 2, minutes(10))), insertInto('holds', hold('b', 3, minutes(5))));
  expect(driver.get('held', 'p')).toEqual({ quantity: 5 });
  await driver.restart();
  await driver.pass(minutes(5));
  expect(driver.get('held', 'p')).toEqual({ quantity: 2 });
  await driver.commit(update('holds', hold('b', 4, seconds(1))));
  expect(driver.get('held', 'p')).toEqual({ quantity: 6 });
  await driver.commit(deleteFrom('holds', { product_id: 'p', hold_id: 'b' }));
  expect(driver.get('held', 'p')).toEqual({ quantity: 2 });
  await driver.pass(minutes(6));
  expect(driver.get('held', 'p')).toBeUndefined();
  expect(await driver.replay()).toEqual([]);
});

const counting = (remembers: 'keys' | 'nothing') =>
  definePipeline<{ n: { n: number } }>({ name: 'n', output: 'views.n', stateVersion: 1 }, (flow) => {
    flow
      .events('cdc.play', 'holds', { key: ['product_id', 'hold_id'], value: () => ({}), remembers })
      .groupBy(() => 'all')
      .measure({ n: count() })
      .toView('n', (n) => n);
  });
const hold = { product_id: 'p', hold_id: 'h', quantity: 1, until: 0 };

test('facts count once however often they are read; one that is updated parks its aggregate', async () => {
  const driver = await ProcessorDriver.open<{ n: { n: number } }>(counting('keys'), { tables });
  await driver.commit(insertInto('holds', hold));
  await driver.commit(read('holds', hold));
  expect(driver.get('n', 'all')).toEqual({ n: 1 });
  await driver.commit(update('holds', hold));
  expect(driver.parked()).toMatchObject([{ aggregate: 'p', error: expect.stringContaining('read it as a table') }]);
});

test('facts whose keys are not remembered refuse rows that are read', async () => {
  const driver = await ProcessorDriver.open<{ n: { n: number } }>(counting('nothing'), { tables });
  await driver.commit(insertInto('holds', hold));
  await driver.commit(read('holds', hold));
  expect(driver.get('n', 'all')).toEqual({ n: 1 });
  expect(driver.parked()).toMatchObject([{ aggregate: 'p', error: expect.stringContaining('keys remembered') }]);
});

test('a function that throws parks the aggregate of its row; nothing of the row is in any operator, the others go on', async () => {
  const pipeline = definePipeline<Views>({ name: 'holds', output: 'views.holds', stateVersion: 1 }, (flow) => {
    const holds = flow.table('cdc.play', 'holds', {
      key: ['product_id', 'hold_id'],
      value: (row) => ({ quantity: integer(row, 'quantity') }),
    });
    const sums = holds.groupBy(() => 'all').measure({ quantity: sum(({ quantity }) => quantity) });
    // Thrown after the group has taken the row in.
    sums
      .map((all) => {
        if (all.quantity > 100) throw new RangeError('too many');
        return all;
      })
      .toView('held', (held) => held);
  });
  const driver = await ProcessorDriver.open<Views>(pipeline, { tables });
  await driver.commit(insertInto('holds', { ...hold, quantity: 60 }));
  await driver.commit(insertInto('holds', { ...hold, product_id: 'q', quantity: 60 }));
  await driver.commit(insertInto('holds', { ...hold, product_id: 'r', quantity: 7 }));
  expect(driver.get('held', 'all')).toEqual({ quantity: 67 });
  expect(driver.parked()).toMatchObject([{ aggregate: 'q', error: 'too many' }]);
});

test('state of another layout of operators is refused', () => {
  const one = counting('keys');
  const other = counting('nothing');
  expect(one.stateVersion).not.toBe(other.stateVersion);
});
