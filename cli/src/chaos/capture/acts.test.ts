import { expect, test } from '@jest/globals';
import { operatorActs } from './acts.ts';
import type { TimedAct } from './acts.ts';
import { MOST_RETYPED } from './audit.ts';

const aggregates = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

function acts(seed: string, count: number): TimedAct[] {
  const all = operatorActs(seed, aggregates);
  return Array.from({ length: count }, () => all.next().value);
}

test('a seed has one row of acts, of every kind', () => {
  const some = acts('a seed', 200);
  expect(acts('a seed', 200)).toEqual(some);
  expect(acts('another', 200)).not.toEqual(some);
  expect(new Set(some.map(({ kind }) => kind)).size).toBe(5);
});

test('only columns that were added are dropped, each once, and each incompatible change has a column of its own', () => {
  const there = new Set<string>();
  const parked: number[] = [];
  for (const act of acts('columns', 2_000)) {
    if (act.kind === 'add-column') there.add(`${act.table}.${act.column}`);
    if (act.kind === 'drop-column') expect(there.delete(`${act.table}.${act.column}`)).toBe(true);
    if (act.kind === 'park') parked.push(act.n);
  }
  expect(parked).toEqual(Array.from({ length: MOST_RETYPED }, (_, index) => index + 1));
});

test('a range of aggregates is in their order', () => {
  for (const act of acts('ranges', 500)) {
    if (act.kind !== 'resnapshot' || act.scope.from === undefined) continue;
    expect(act.scope.to === undefined || act.scope.from <= act.scope.to).toBe(true);
  }
});
