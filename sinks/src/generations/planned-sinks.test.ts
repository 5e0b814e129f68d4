import { describe, expect, test } from '@jest/globals';
import { firstOnly } from '@millrace/schemas/generations';
import type { GenerationRows } from '@millrace/schemas/generations';
import { isFilling, leftOver, plannedSinks } from './planned-sinks.ts';

describe('the sinks that a store needs', () => {
  const views = ['inventory', 'catalog'] as const;
  const at = (active: number, building: number | null, previous: number | null): GenerationRows =>
    new Map([['catalog', { ...firstOnly, active, building, previous }]]);
  const keys = (rows: ReturnType<typeof at>) => plannedSinks(views, rows).map(({ key }) => key);

  test('one for the first generations together, one for each later generation', () => {
    expect(keys(new Map())).toEqual(['1/inventory,catalog']);
    expect(keys(at(1, 2, null))).toEqual(['1/inventory,catalog', '2/catalog']);
    expect(keys(at(3, null, null))).toEqual(['1/inventory', '3/catalog']);
  });

  test('a switch and a rollback change none of them', () => {
    expect(new Set(keys(at(2, null, 1)))).toEqual(new Set(keys(at(1, 2, null))));
    expect(new Set(keys(at(1, null, 2)))).toEqual(new Set(keys(at(2, null, 1))));
  });

  test('a sink fills as long as nobody reads its generation', () => {
    const [, filling] = plannedSinks(views, at(1, 2, null));
    if (filling === undefined) throw new Error('no second sink is planned');
    expect(isFilling(filling, at(1, 2, null))).toBe(true);
    expect(isFilling(filling, at(2, null, 1))).toBe(false);
  });

  test('what a store holds and no row names is left over', () => {
    const held = [1, 2, 3].map((generation) => ({ view: 'catalog' as const, generation }));
    expect(leftOver(held, at(3, null, 2))).toEqual([{ view: 'catalog', generation: 1 }]);
    expect(leftOver([{ view: 'orders', generation: 1 }], at(3, null, 2))).toEqual([]);
  });
});
