import { describe, expect, test } from '@jest/globals';
import type { Change, ChangeOp, Row } from '../cdc/index.ts';
import { GenerationTable, activeLogOf, activeOf, keptOf, logOf, logsOf } from './generation-table.ts';

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

  test('hold the entries of the first log until a row says otherwise', () => {
    const { rows } = tableWith(change(10n, 'c', row('catalog', 2, 3, 1)));
    expect(logsOf(rows, 'catalog')).toEqual([1]);
    expect(logsOf(rows, 'orders')).toEqual([1]);
    expect(logOf(rows, 'catalog', 3)).toBe(1);
  });

  test('a generation made anew from the source’s changes has a log of its own, which says what it is made from', () => {
    const logs = { active_log: 1, building_log: 3, previous_log: 1, log_inputs: '{"3": {"pricing": 2}}' };
    const { rows } = tableWith(change(10n, 'c', { ...row('catalog', 2, 3, 1), ...logs }));
    expect(logsOf(rows, 'catalog')).toEqual([1, 3]);
    expect([1, 2, 3].map((generation) => logOf(rows, 'catalog', generation))).toEqual([1, 1, 3]);
    expect(activeLogOf(rows, 'catalog')).toBe(1);
    expect(rows.get('catalog')?.logInputs['3']).toEqual({ pricing: 2 });
  });
});
