import { expect, test } from '@jest/globals';
import { lsnText } from '@millrace/kernel/position';
import { createChangeDecoder } from '@millrace/schemas/cdc';
import { partitionOf } from '@millrace/schemas/partition';
import { inventory } from '../processors/index.ts';
import { TestRoad } from '../testing/index.ts';
import type { TestRow } from '../testing/index.ts';
import type { ParkedState, TaskRunner } from './index.ts';
import { ofAllPartitions } from './processor.ts';
import { readRedrive } from './redrive.ts';

const us = 1_700_000_000_000_000;
const product = (id: string): TestRow[] => [
  {
    table: 'products',
    op: 'c',
    row: {
      ...{ product_id: id, sku: id, name: id, status: 'active', base_price: '5.00', currency: 'USD' },
      ...{ created_at: us, updated_at: us },
    },
  },
  { table: 'product_variants', op: 'c', row: { product_id: id, variant_id: id, sku: id } },
];
const level = (id: string, quantity: number): TestRow => ({
  table: 'inventory',
  op: 'u',
  row: { product_id: id, variant_id: id, warehouse_id: 'w', quantity, reserved: 0, low_stock_threshold: 3 },
});

/** The released processor, which a quantity of 13 is too much for; and what it applies, in order. */
function faulty(unlucky: readonly number[] = [13]) {
  const applied: number[] = [];
  const processor = {
    ...inventory,
    apply: (...[change, context]: Parameters<typeof inventory.apply>) => {
      inventory.apply(change, context);
      const quantity = change.after?.['quantity'];
      if (typeof quantity !== 'number' || change.after?.['product_id'] !== 'a') return;
      if (unlucky.includes(quantity)) throw new Error(`unlucky ${quantity}`);
      applied.push(quantity);
    },
  };
  return { processor, applied };
}

/** `a` is parked at 13, with 14 and 15 behind it; `b` goes on. */
async function parkedRoad(): Promise<TestRoad> {
  const road = await TestRoad.open();
  await road.start(faulty().processor);
  await road.source.commit(10n, us, [...product('a'), ...product('b'), level('a', 7), level('b', 7)]);
  await road.source.commit(20n, us + 1, [level('a', 13), level('b', 8)]);
  await road.source.commit(30n, us + 2, [level('a', 14)]);
  await road.source.commit(40n, us + 3, [level('a', 15)]);
  await road.settle();
  expect(road.latest('views.inventory', 'stock', 'a')).toMatchObject({ onHand: 7 });
  return road;
}

async function redrive(road: TestRoad, runner: TaskRunner, lsn: bigint, { drops = false, aggregate = 'a' } = {}) {
  const asked = runner.redrive(aggregate, drops);
  await road.source.commit(lsn, us + Number(lsn), []);
  await road.source.watermark(lsn + 1n, us + Number(lsn));
  await road.settle();
  return asked;
}

test('after a fix every row is applied once, in order, and shown at the step that did it', async () => {
  const road = await parkedRoad();
  const { processor, applied } = faulty([]);
  const runner = await road.start(processor);
  expect(await redrive(road, runner, 50n)).toEqual({ aggregate: 'a', done: 3, waiting: 0, error: null });
  expect(applied).toEqual([13, 14, 15]);
  expect(road.latest('views.inventory', 'stock', 'a')).toMatchObject({ onHand: 15 });
  const positions = road.written('views.inventory').map(({ entry }) => entry.lsn);
  expect(positions).toEqual([...positions].sort((x, y) => (x < y ? -1 : 1)));
  expect(positions.at(-1)).toBeGreaterThan(41n);
  expect(runner.task.parked.size).toBe(0);

  const restarted = await road.start(faulty([]).processor);
  expect(restarted.task.parked.size).toBe(0);
  await road.source.commit(60n, us + 60, [level('a', 16)]);
  await road.settle();
  expect(road.latest('views.inventory', 'stock', 'a')).toMatchObject({ onHand: 16 });
});

test('rows that come between the question and the step are behind those that wait', async () => {
  const road = await parkedRoad();
  const { processor, applied } = faulty([]);
  const runner = await road.start(processor);
  await road.source.commit(50n, us + 50, [level('a', 16)]);
  const asked = runner.redrive('a');
  await road.settle();
  expect(await asked).toMatchObject({ waiting: 0, error: null });
  expect(applied).toEqual([13, 14, 15, 16]);
});

test('what fails again keeps its place with all that follows; the next one goes on there', async () => {
  const road = await parkedRoad();
  const still = faulty([14]);
  const runner = await road.start(still.processor);
  expect(await redrive(road, runner, 50n)).toEqual({ aggregate: 'a', done: 1, waiting: 2, error: 'unlucky 14' });
  expect(still.applied).toEqual([13]);
  expect(road.latest('views.inventory', 'stock', 'a')).toMatchObject({ onHand: 7 });
  expect(runner.task.parked.list()).toMatchObject([{ records: 2, done: 1, error: 'unlucky 14' }]);
  await road.source.commit(60n, us + 60, [level('a', 16)]);
  await road.settle();

  const { processor, applied } = faulty([]);
  const fixed = await road.start(processor);
  expect(await redrive(road, fixed, 70n)).toEqual({ aggregate: 'a', done: 3, waiting: 0, error: null });
  expect(applied).toEqual([14, 15, 16]);
  expect(road.latest('views.inventory', 'stock', 'a')).toMatchObject({ onHand: 16 });
});

test('a letter that a crash repeated is applied once; those of an earlier parking are left alone', async () => {
  const road = await parkedRoad();
  await redrive(road, await road.start(faulty([]).processor), 50n);
  await road.start(faulty([20]).processor);
  await road.source.commit(60n, us + 60, [level('a', 20)]);
  await road.source.commit(70n, us + 70, [level('a', 21)]);
  await road.settle();
  const letters = road.log.records('cdc.catalog.dlq').filter(({ headers }) => headers.length > 0);
  const writer = await road.log.openWriter({
    name: 'again',
    partitions: [{ topic: 'cdc.catalog.dlq', partition: 0 }],
    barrier: () => ({ key: Buffer.from('_barrier'), value: null }),
  });
  await writer.append([{ topic: 'cdc.catalog.dlq', partition: 0, records: letters }]);
  const { processor, applied } = faulty([]);
  expect(await redrive(road, await road.start(processor), 80n)).toMatchObject({ done: 2, waiting: 0 });
  expect(applied).toEqual([20, 21]);
});

test('letters of a life whose result never came are not counted', async () => {
  const road = await parkedRoad();
  const letters = road.log.records('cdc.catalog.dlq').filter(({ headers }) => headers.length > 0);
  const [last] = letters.slice(-1);
  const writer = await road.log.openWriter({
    name: 'of a life that ended',
    partitions: [{ topic: 'cdc.catalog.dlq', partition: 0 }],
    barrier: () => ({ key: Buffer.from('_barrier'), value: null }),
  });
  const of = (number: number, life: string, offset: string) =>
    last!.headers.map(([name, value]): [string, Buffer] => {
      if (name === 'millrace.parked') return [name, Buffer.from(`${lsnText(20n)}/${number}/${life}`)];
      return [name, name === 'millrace.origin.offset' ? Buffer.from(offset) : value];
    });
  // A timer or a row that this life could not bear, and the one whose result came could.
  const foreign = [of(3, '99', '-1'), of(4, '99', '9'), of(4, '0', '9')];
  const records = foreign.map((headers) => ({ key: last!.key, value: last!.value, headers }));
  await writer.append([{ topic: 'cdc.catalog.dlq', partition: 0, records }]);
  const { processor, applied } = faulty([]);
  expect(await redrive(road, await road.start(processor), 80n)).toMatchObject({ done: 3, waiting: 0, error: null });
  expect(applied).toEqual([13, 14, 15]);
});

test('letters of a release that did not number them are told by their positions', async () => {
  const road = await parkedRoad();
  const before = await road.start(faulty().processor);
  const [{ lives, ...state }] = before.task.parked.list() as [ParkedState];
  expect(lives).toHaveLength(1);
  const steps = await readUnnumbered(road, state);
  expect(steps).toEqual([13, 14, 15]);
  const later: ParkedState = { ...state, records: 4, lives: [{ life: '7', from: 4 }] };
  await expect(readUnnumbered(road, later)).rejects.toMatchObject({ kind: 'conflict' });
});

/** What a redrive would do where the letters had no numbers. */
async function readUnnumbered(road: TestRoad, state: ParkedState) {
  const log = road.log;
  const records = log.records('cdc.catalog.dlq').map(({ key, value, headers }) => {
    return { key, value, headers: headers.filter(([name]) => name !== 'millrace.parked') };
  });
  const topic = `again${state.records}.cdc.catalog`;
  await log.admin.ensureTopics([{ topic: `${topic}.dlq`, partitions: 1 }]);
  const at = { topic: `${topic}.dlq`, partition: 0 };
  const writer = await log.openWriter({
    name: topic,
    partitions: [at],
    barrier: () => ({ key: Buffer.from('_b'), value: null }),
  });
  await writer.append([{ ...at, records }]);
  const [spec] = inventory.inputs;
  const inputs = [{ topic, partition: 0, spec: spec! }];
  const source = {
    processor: 'inventory',
    inputs,
    codecs: { changes: createChangeDecoder(road.registry), views: new Map() },
    log,
  };
  const steps = await readRedrive(source, 'a', [{ ...state, topic }]);
  return steps.map(({ again }) =>
    again.kind === 'record' && again.element.kind === 'change' ? again.element.change.after?.['quantity'] : again,
  );
}

test('a crash before the result is in the log leaves it parked, and it can be asked again', async () => {
  const road = await parkedRoad();
  const runner = await road.start(faulty([]).processor);
  const asked = runner.redrive('a');
  const { processor, applied } = faulty([]);
  const other = await road.start(processor);
  await runner.close();
  await expect(asked).rejects.toMatchObject({ kind: 'conflict' });
  expect(other.task.parked.list()).toMatchObject([{ records: 3 }]);
  expect(await redrive(road, other, 50n)).toMatchObject({ done: 3, waiting: 0 });
  expect(applied).toEqual([13, 14, 15]);
});

test('dropped, it goes on without what waited; what is not parked is refused', async () => {
  const road = await parkedRoad();
  const { processor, applied } = faulty();
  const runner = await road.start(processor);
  expect(await redrive(road, runner, 50n, { drops: true })).toEqual({
    aggregate: 'a',
    done: 3,
    waiting: 0,
    error: null,
  });
  expect(applied).toEqual([]);
  await road.source.commit(60n, us + 60, [{ ...level('a', 15), op: 'r' }]);
  await road.settle();
  expect(road.latest('views.inventory', 'stock', 'a')).toMatchObject({ onHand: 15 });
  await expect(redrive(road, runner, 70n)).rejects.toMatchObject({ kind: 'not-found' });
});

test('where nothing can be emitted of it, it is emitted again; fails that too, it stays parked', async () => {
  const road = await TestRoad.open();
  let fails = true;
  const processor = {
    ...inventory,
    emit: (...[id, context]: Parameters<typeof inventory.emit>) => {
      if (fails && id === 'a') throw new Error('no shape');
      inventory.emit(id, context);
    },
  };
  const runner = await road.start(processor);
  await road.source.commit(10n, us, [...product('a'), level('a', 7)]);
  await road.source.commit(20n, us, [level('a', 8)]);
  await road.settle();
  expect(await redrive(road, runner, 50n)).toMatchObject({ waiting: 1, error: 'no shape' });
  fails = false;
  expect(await redrive(road, runner, 60n)).toMatchObject({ waiting: 0, error: null });
  expect(road.latest('views.inventory', 'stock', 'a')).toMatchObject({ onHand: 8 });
});

test('letters that are gone are not passed over', async () => {
  const road = await parkedRoad();
  const runner = await road.start(faulty([]).processor);
  const [state] = runner.task.parked.list();
  runner.task.parked.store.set('cdc.catalog/a', { ...state!, records: 5 });
  await expect(redrive(road, runner, 50n)).rejects.toMatchObject({
    kind: 'conflict',
    message: expect.stringContaining('3 of 5 records'),
  });
  expect(runner.task.parked.size).toBe(1);
});

test('of an input that is read in all partitions it comes together, whichever partition a letter is in', async () => {
  const road = await TestRoad.open(2);
  const applied: unknown[] = [];
  let fails = true;
  const processor = {
    ...inventory,
    inputs: inventory.inputs.map((input) => ofAllPartitions(input)),
    apply: (...[change, context]: Parameters<typeof inventory.apply>) => {
      inventory.apply(change, context);
      if (change.after?.['product_id'] === own && change.table === 'inventory') applied.push(change.after['quantity']);
    },
    emit: (...[id, context]: Parameters<typeof inventory.emit>) => {
      if (fails && id === own) throw new Error('no shape');
      inventory.emit(id, context);
    },
  };
  const own = ['a', 'b', 'c', 'd', 'e', 'f'].find((id) => partitionOf(id, 2) === 1)!;
  await road.start(processor, 1);
  await road.source.commit(10n, us, [...product(own), level(own, 7)]);
  await road.source.commit(20n, us + 1, [level(own, 8)]);
  await road.source.commit(30n, us + 2, [level(own, 9)]);
  await road.settle();
  // No row is at fault in the first: it is where the first input has its letters, and the rows behind it where they came from.
  const letters = (partition: number) =>
    road.log.records('cdc.catalog.dlq', partition).filter(({ headers }) => headers.length > 0).length;
  expect([letters(0), letters(1)]).toEqual([1, 2]);
  expect(applied.splice(0)).toEqual([7]);

  fails = false;
  const runner = await road.start(processor, 1);
  expect(runner.task.parked.list()).toMatchObject([{ aggregate: own, records: 3 }]);
  expect(await redrive(road, runner, 50n, { aggregate: own })).toMatchObject({ done: 3, waiting: 0, error: null });
  expect(applied).toEqual([8, 9]);
  expect(road.latest('views.inventory', 'stock', own, 1)).toMatchObject({ onHand: 9 });
});

test('parked in a log that is made anew too, each log has its own letters and is redriven alone', async () => {
  const road = await parkedRoad();
  const anew = (unlucky: readonly number[]) => {
    const { processor, applied } = faulty(unlucky);
    return { applied, processor: { ...processor, name: 'inventory.g2', output: 'views.inventory.g2' as const } };
  };
  await road.start(anew([13]).processor);
  await road.settle();
  const first = await road.start(faulty([]).processor);
  expect(await redrive(road, first, 50n)).toMatchObject({ done: 3, waiting: 0, error: null });
  const second = anew([]);
  const runner = await road.start(second.processor);
  expect(runner.task.parked.list()).toMatchObject([{ aggregate: 'a', records: 3 }]);
  expect(await redrive(road, runner, 60n)).toMatchObject({ done: 3, waiting: 0, error: null });
  expect(second.applied).toEqual([13, 14, 15]);
});
