import { expect, test } from '@jest/globals';
import { inventory, pricing } from '../processors/index.ts';
import { TestRoad } from '../testing/index.ts';
import type { TestRow } from '../testing/index.ts';

const us = 1_700_000_000_000_000;
const product = (id: string): TestRow[] => [
  {
    table: 'products',
    op: 'c',
    row: {
      product_id: id,
      sku: id,
      name: id,
      status: 'active',
      base_price: '5.00',
      currency: 'USD',
      created_at: us,
      updated_at: us,
    },
  },
  { table: 'product_variants', op: 'c', row: { product_id: id, variant_id: id, sku: id } },
];
const level = (id: string, quantity: number | null): TestRow => ({
  table: 'inventory',
  op: 'u',
  row: { product_id: id, variant_id: id, warehouse_id: 'w', quantity, reserved: 0, low_stock_threshold: 3 },
});

const headersOf = (road: TestRoad): Record<string, string>[] =>
  road.log
    .records('cdc.catalog.dlq')
    .filter(({ key }) => key?.toString() !== '_barrier')
    .map(({ headers }) => Object.fromEntries(headers.map(([name, value]) => [name, value.toString()])));

test('a row that no processor expects parks its aggregate, in order; everyone else goes on; a restart remembers', async () => {
  const road = await TestRoad.open();
  await road.start(inventory);
  await road.source.commit(10n, us, [...product('a'), ...product('b'), level('a', 7), level('b', 7)]);
  await road.source.commit(20n, us + 1, [level('a', null), level('b', 8)]);
  await road.source.commit(30n, us + 2, [level('a', 9), level('b', 9)]);
  await road.settle();
  expect(road.latest('views.inventory', 'stock', 'a')).toMatchObject({ onHand: 7 });
  expect(road.latest('views.inventory', 'stock', 'b')).toMatchObject({ onHand: 9 });

  const restarted = await road.start(inventory);
  await road.source.commit(40n, us + 3, [level('a', 10), level('b', 10)]);
  await road.settle();
  expect(road.latest('views.inventory', 'stock', 'a')).toMatchObject({ onHand: 7 });
  expect(road.latest('views.inventory', 'stock', 'b')).toMatchObject({ onHand: 10 });
  expect(restarted.task.parked.list()).toMatchObject([{ topic: 'cdc.catalog', aggregate: 'a', records: 3 }]);

  const letters = headersOf(road);
  expect(letters.map((headers) => headers['millrace.error.kind'])).toEqual(['record-malformed', 'parked', 'parked']);
  expect(letters[0]).toMatchObject({
    'millrace.processor': 'inventory',
    'millrace.origin.topic': 'cdc.catalog',
    'millrace.origin.partition': '0',
    'millrace.error.message': 'column quantity is of another type or value (null)',
    'millrace.position': '00000000000000000020',
  });
  const offsets = letters.map((headers) => Number(headers['millrace.origin.offset']));
  expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
});

test('a row that throws leaves nothing of itself in the state', async () => {
  const road = await TestRoad.open();
  const thrower = {
    ...inventory,
    apply: (...[change, context]: Parameters<typeof inventory.apply>) => {
      inventory.apply(change, context);
      if (change.after?.['quantity'] === 13) throw new Error('unlucky');
    },
  };
  const runner = await road.start(thrower);
  await road.source.commit(10n, us, [...product('a'), level('a', 7)]);
  await road.source.commit(20n, us, [level('a', 13)]);
  await road.settle();
  expect(runner.task.parked.list()).toMatchObject([{ aggregate: 'a', error: 'unlucky' }]);
  const state = road.log.records('views.inventory').findLast(({ key }) => key?.toString() === '_state/products/a');
  expect(state?.value?.toString('latin1')).toContain('[7,0,3]');
  expect(road.written('views.inventory').map(({ entry }) => entry.lsn)).toEqual([10n]);
});

test('bytes that are no record, and keys that nobody knows, go aside and disturb nobody', async () => {
  const road = await TestRoad.open();
  await road.start(inventory);
  await road.source.commit(10n, us, [...product('a'), level('a', 7)]);
  await road.source.foreign('cdc.catalog', 0, {
    key: Buffer.from('inventory/zz/zz/w'),
    value: Buffer.from('not a record'),
  });
  await road.source.foreign('cdc.catalog', 0, {
    key: Buffer.from('inventory/yy/yy/w'),
    value: Buffer.from([0, 0, 0, 99, 99, 1]),
  });
  await road.source.foreign('cdc.catalog', 0, { key: Buffer.from('what is this'), value: Buffer.from('x') });
  await road.source.foreign('cdc.catalog', 0, { key: Buffer.from('_watermark'), value: Buffer.from('x') });
  await road.source.commit(20n, us, [level('a', 8)]);
  await road.settle();
  expect(road.latest('views.inventory', 'stock', 'a')).toMatchObject({ onHand: 8 });
  expect(headersOf(road)).toHaveLength(4);
});

test('a record that is written twice counts once', async () => {
  const road = await TestRoad.open();
  const runner = await road.start(inventory);
  await road.source.commit(10n, us, [...product('a'), level('a', 7)], false);
  await road.source.foreign('cdc.catalog', 0, await road.source.record(level('a', 99), 10n, us, 2));
  await road.source.watermark(11n, us);
  await road.source.foreign('cdc.catalog', 0, await road.source.record(level('a', 99), 10n, us, 9));
  await road.settle();
  expect(road.latest('views.inventory', 'stock', 'a')).toMatchObject({ onHand: 7 });
  expect(runner.decoders[0]?.counts.repeated).toBe(2);
});

test('a truncate empties what it names', async () => {
  const road = await TestRoad.open();
  await road.start(inventory);
  await road.start(pricing);
  await road.source.commit(10n, us, [...product('a'), level('a', 7)]);
  await road.source.commit(20n, us, [{ table: 'inventory', op: 't', row: {} }]);
  await road.settle();
  expect(road.latest('views.inventory', 'stock', 'a')).toMatchObject({ onHand: 0, status: 'out_of_stock' });
  await road.source.commit(30n, us, [{ table: 'products', op: 't', row: {} }]);
  await road.settle();
  expect(road.latest('views.inventory', 'stock', 'a')).toBeNull();
  expect(road.latest('views.pricing', 'price', 'a')).toBeNull();
});

test('a commit is emitted only when every input has shown it whole, and a watermark alone is passed on coarsely', async () => {
  const road = await TestRoad.open();
  await road.start(inventory, 0, { watermarkMs: 40 });
  road.nowMs = 1000;
  await road.source.commit(10n, us, [...product('a'), level('a', 7)], false);
  await road.settle();
  expect(road.written('views.inventory')).toHaveLength(0);
  await road.source.watermark(11n, us);
  await road.settle();
  expect(road.written('views.inventory')).toHaveLength(1);
  const length = road.log.records('views.inventory').length;
  await road.source.watermark(20n, us);
  await road.settle();
  expect(road.log.records('views.inventory')).toHaveLength(length);
  road.nowMs = 1040;
  await road.source.watermark(30n, us);
  await road.settle();
  expect(road.log.records('views.inventory')).toHaveLength(length + 2);
});

test('a delete of which compaction left only the tombstone is a delete, at its position', async () => {
  const road = await TestRoad.open();
  await road.start(inventory);
  await road.source.commit(10n, us, [...product('a'), level('a', 7)]);
  await road.settle();
  await road.source.commit(20n, us + 1, [{ ...level('a', 7), op: 'd' }]);
  await road.source.commit(30n, us + 2, product('b'));
  road.log.compact('cdc.catalog');
  await road.start(inventory);
  await road.settle();
  expect(road.latest('views.inventory', 'stock', 'a')).toMatchObject({ onHand: 0 });
  expect(road.written('views.inventory').map(({ key, entry }) => [key, entry.lsn])).toEqual([
    ['stock:a', 10n],
    ['stock:a', 20n],
    ['stock:b', 30n],
  ]);
});
