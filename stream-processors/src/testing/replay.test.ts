import { expect, test } from '@jest/globals';
import { exampleStock } from '@millrace/schemas/testing';
import { processors } from '../processors/index.ts';
import { defineProcessor, keyedStore, rowsOf } from '../runtime/index.ts';
import type { AnyProcessor } from '../runtime/index.ts';
import { shopHistory } from './history.ts';
import { replay } from './replay.ts';
import { TestRoad } from './road.ts';

async function played(processor: AnyProcessor, seed = 3): Promise<TestRoad> {
  const road = await TestRoad.open();
  for (const { lsn, tsUs, rows } of shopHistory(seed, 30)) await road.source.commit(lsn, tsUs, rows);
  for (const one of [...processors.filter(({ output }) => output !== processor.output), processor])
    await road.start(one);
  await road.settle();
  return road;
}

test.each(processors.map((processor) => [processor.name, processor] as const))(
  '%s replays exactly, without a clock, chance or I/O',
  async (_, processor) => {
    const road = await played(processor);
    for (let seed = 0; seed < 5; seed++) expect(await replay(road, processor, { seed })).toEqual([]);
  },
);

function careless(amount: (count: number) => number): AnyProcessor {
  return defineProcessor({
    name: 'careless',
    output: 'views.inventory',
    stateVersion: 1,
    inputs: [rowsOf('cdc.catalog', 'inventory')],
    stores: { counts: keyedStore<number>() },
    apply({ after }, ctx) {
      const id = String(after?.['product_id'] ?? 'none');
      ctx.stores.counts.set(id, (ctx.stores.counts.get(id) ?? 0) + 1);
      ctx.touch(id);
    },
    emit(id, ctx) {
      const available = amount(ctx.stores.counts.get(id) ?? 0);
      ctx.put('stock', id, exampleStock({ productId: id, onHand: available, available }));
    },
  });
}

test('a handler that reaches for a clock or for chance is found', async () => {
  const clock = careless(() => Date.now() % 7);
  expect(await replay(await played(clock), clock)).toContainEqual('emit of careless reached for now');
  const chance = careless(() => Math.floor(Math.random() * 1000));
  expect(await replay(await played(chance), chance)).toContainEqual('emit of careless reached for random');
  const date = careless(() => new Date().getSeconds());
  expect(await replay(await played(date), date)).toContainEqual('emit of careless reached for new Date()');
});

test('a handler that remembers something outside its stores is found', async () => {
  let calls = 0;
  const forgetful = careless((count) => count + calls++);
  expect(await replay(await played(forgetful), forgetful)).toEqual([
    expect.stringMatching(/entry 0 of views.inventory\/0 was stock:.* with other content/),
  ]);
});
