import { describe, expect, test } from '@jest/globals';
import type { Change, ChangeOp, Row } from '@millrace/schemas/cdc';
import { GenerationTable, activeOf, keptOf } from './generation-table.ts';
import { isFilling, leftOver, plannedSinks } from './planned-sinks.ts';

const change = (lsn: bigint, op: ChangeOp, after: Row | null, before: Row | null = null): Change => ({
  lsn,
  ordinal: 0,
  op,
  schema: 'commerce',
  table: 'view_generations',
  txid: 1,
  tsUs: 0,
  snapshot: op === 'r',
  before,
  after,
});
const row = (view: string, active: number, building: number | null, previous: number | null): Row => ({
  view,
  active,
  building,
  previous,
  rate: null,
  last: 9,
});

function tableWith(...changes: readonly Change[]): GenerationTable {
  const table = new GenerationTable();
  for (const one of changes) table.add(one);
  table.passed(1_000n);
  return table;
}

describe('the generations of views', () => {
  test('are the first ones until a row says otherwise', () => {
    const { rows } = new GenerationTable();
    expect(activeOf(rows)('catalog')).toBe(1);
    expect(keptOf(rows, 'orders')).toEqual([1]);
  });

  test('change with the commit, once a watermark has passed it', () => {
    const table = new GenerationTable();
    table.add(change(10n, 'c', row('catalog', 1, 2, null)));
    expect(table.passed(9n)).toBe(false);
    expect(keptOf(table.rows, 'catalog')).toEqual([1]);
    expect(table.passed(10n)).toBe(true);
    expect(keptOf(table.rows, 'catalog')).toEqual([1, 2]);
    table.add(change(20n, 'u', row('catalog', 2, null, 1)));
    expect(table.passed(25n)).toBe(true);
    expect(activeOf(table.rows)('catalog')).toBe(2);
    table.add(change(30n, 'd', null, { view: 'catalog' }));
    table.passed(30n);
    expect(activeOf(table.rows)('catalog')).toBe(1);
  });

  test('a truncate and the rows read again after it are one: nobody sees the table empty', () => {
    const table = tableWith(change(10n, 'c', row('catalog', 3, null, null)));
    table.add(change(2_000n, 't', null));
    expect(table.passed(1_999n)).toBe(false);
    table.add(change(2_000n, 'r', row('catalog', 3, null, null)));
    expect(table.passed(2_000n)).toBe(false);
    expect(activeOf(table.rows)('catalog')).toBe(3);
  });

  test('a view of another release is none of ours', () => {
    expect(tableWith(change(10n, 'c', row('weather', 4, null, null))).rows.size).toBe(0);
  });
});

describe('the sinks that a store needs', () => {
  const views = ['inventory', 'catalog'] as const;
  const at = (active: number, building: number | null, previous: number | null) =>
    tableWith(change(10n, 'c', row('catalog', active, building, previous))).rows;
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
