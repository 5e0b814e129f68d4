import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { text } from '../fields/index.ts';
import { count, definePipeline } from '../operators/index.ts';
import { ProcessorDriver, insertInto, update } from '../testing/index.ts';
import type { TestTable } from '../testing/index.ts';

interface Boards {
  readonly lane: { readonly cards: number };
}

/** A table that the shop does not have: declared where it is needed. */
const cards: TestTable = {
  topic: 'cdc.board',
  table: 'cards',
  key: ['board_id', 'card_id'],
  columns: { lane: 'text' },
};

const board = definePipeline<Boards>({ name: 'board', output: 'views.board', stateVersion: 1 }, (flow) => {
  flow
    .table('cdc.board', 'cards', { key: ['board_id', 'card_id'], value: (row) => ({ lane: text(row, 'lane') }) })
    .groupBy(({ lane }) => lane)
    .measure({ cards: count() })
    .toView('lane', (lane) => lane);
});

test('no card is ever in two lanes or in none, at any position, whatever is killed in between', async () => {
  const moves = fc.array(fc.record({ card: fc.nat(4), lane: fc.constantFrom('todo', 'doing', 'done') }), {
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(moves, async (history) => {
      const driver = await ProcessorDriver.open<Boards>(board, { tables: [cards] });
      const seen = new Set<number>();
      for (const { card, lane } of history) {
        const row = { board_id: 'b', card_id: `c${card}`, lane };
        const position = await driver.commit(seen.has(card) ? update('cards', row) : insertInto('cards', row));
        seen.add(card);
        const lanes = [...driver.view('lane', position).values()];
        expect(lanes.reduce((sum, each) => sum + each.cards, 0)).toBe(seen.size);
        if (seen.size % 3 === 0) await driver.restart();
      }
      expect(await driver.replay()).toEqual([]);
    }),
    { numRuns: 25 },
  );
});
