import { expect, test } from '@jest/globals';
import { repairScopes, wrongSales } from './repair.ts';
import type { Difference } from './comparison.ts';
import type { ViewReport } from './verify.ts';

function report(view: string, keys: readonly string[], fields: readonly string[] = [], more = 0): ViewReport {
  const differences = keys.map((key): Difference => ({
    key,
    kind: 'different',
    fields: fields.map((field) => ({ field, expected: 1, actual: 2 })),
    position: null,
  }));
  const counts = { checked: 100, missing: 0, extra: 0, different: keys.length + more, unsettled: 0 };
  return { view, store: 'redis', ...counts, position: '0', differences };
}

test('each wrong aggregate is read again once, whichever views show it, all of a topic together', () => {
  expect(repairScopes([report('inventory', ['a', 'b']), report('pricing', ['b']), report('orders', ['o'])])).toEqual([
    { topic: 'cdc.catalog', aggregates: ['a', 'b'] },
    { topic: 'cdc.orders', aggregates: ['o'] },
  ]);
  expect(repairScopes([report('orders', [])])).toEqual([]);
});

test('many are read in parts; too many, or more than were listed, are the whole topic', () => {
  const many = Array.from({ length: 5_001 }, (_, index) => `p${index}`);
  const parts = repairScopes([report('catalog', many.slice(0, 2_500))]);
  expect(parts.map(({ aggregates }) => aggregates?.length)).toEqual([1_000, 1_000, 500]);
  expect(repairScopes([report('catalog', many)])).toEqual([{ topic: 'cdc.catalog' }]);
  expect(repairScopes([report('catalog', ['a'], [], 5)])).toEqual([{ topic: 'cdc.catalog' }]);
});

test('a product that shows wrong names of others has those read again first', () => {
  expect(repairScopes([report('catalog', ['a'], ['vendor'])])).toEqual([
    { topic: 'cdc.reference' },
    { topic: 'cdc.catalog', aggregates: ['a'] },
  ]);
});

test('sales are given again from their log, of each order once', () => {
  expect(repairScopes([report('sales', ['o', 'p'])])).toEqual([]);
  expect(wrongSales([report('sales', ['o', 'p']), report('sales', ['o']), report('orders', ['q'])])).toEqual([
    'o',
    'p',
  ]);
});

test('a key that no row could have is not read again', () => {
  const stray = report('inventory', ['no-id-of-ours']);
  const extra = {
    ...stray,
    differences: stray.differences.map((difference) => ({ ...difference, kind: 'extra' as const })),
  };
  expect(repairScopes([extra])).toEqual([]);
});
