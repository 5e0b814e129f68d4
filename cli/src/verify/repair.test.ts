import { expect, test } from '@jest/globals';
import { repairScopes } from './repair.ts';
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

test('each wrong aggregate is read again once, whichever views show it', () => {
  expect(repairScopes([report('inventory', ['a', 'b']), report('pricing', ['b']), report('orders', ['o'])])).toEqual([
    { topic: 'cdc.catalog', aggregate: 'a' },
    { topic: 'cdc.catalog', aggregate: 'b' },
    { topic: 'cdc.orders', aggregate: 'o' },
  ]);
  expect(repairScopes([report('orders', [])])).toEqual([]);
});

test('many, or more than were listed, are the whole topic', () => {
  const many = Array.from({ length: 21 }, (_, index) => `p${index}`);
  expect(repairScopes([report('catalog', many)])).toEqual([{ topic: 'cdc.catalog' }]);
  expect(repairScopes([report('catalog', ['a'], [], 5)])).toEqual([{ topic: 'cdc.catalog' }]);
});

test('a product that shows wrong names of others has those read again first', () => {
  expect(repairScopes([report('catalog', ['a'], ['vendor'])])).toEqual([
    { topic: 'cdc.reference' },
    { topic: 'cdc.catalog', aggregate: 'a' },
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
