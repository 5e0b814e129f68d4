import { expect, test } from '@jest/globals';
import type { Lsn } from '@millrace/kernel/position';
import type { Difference, Findings } from './comparison.ts';
import { Rounds } from './rounds.ts';

const missing = (key: string): Difference => ({ key, kind: 'missing', fields: [], position: null });
const found = (differing: readonly string[], moved: Readonly<Record<string, Lsn>> = {}): Findings => ({
  checked: 10,
  differences: differing.map(missing),
  moved: new Map(Object.entries(moved)),
});
const confirmed = (rounds: Rounds) => rounds.confirmed.map(({ key }) => key);

test('a difference is confirmed by a second pin, not by one', () => {
  const rounds = new Rounds(8);
  rounds.begin(found(['a']));
  expect([confirmed(rounds), [...rounds.suspects], rounds.differed]).toEqual([[], ['a'], true]);
  rounds.goOn(found(['a']), 2n);
  expect([confirmed(rounds), rounds.isOver, rounds.checked]).toEqual([['a'], true, 10]);
});

test('what is gone at the next pin was lateness', () => {
  const rounds = new Rounds(8);
  rounds.begin(found(['a']));
  rounds.goOn(found([]), 2n);
  expect([confirmed(rounds), rounds.isOver, rounds.unsettled]).toEqual([[], true, 0]);
});

test('while the number of differences falls none is confirmed, and no round is used up', () => {
  const rounds = new Rounds(2);
  rounds.begin(found(['a', 'b', 'c', 'd']));
  for (const left of [['a', 'b', 'c'], ['a', 'b'], ['a']]) rounds.goOn(found(left), 2n);
  expect([confirmed(rounds), rounds.isOver]).toEqual([[], false]);
  rounds.goOn(found(['a']), 3n);
  expect([confirmed(rounds), rounds.isOver]).toEqual([['a'], true]);
});

test('a document that moves on at each pin is unsettled after all rounds', () => {
  const rounds = new Rounds(3);
  rounds.begin(found([], { a: 5n }));
  rounds.goOn(found([], { a: 7n }), 6n);
  rounds.goOn(found([], { a: 9n }), 8n);
  expect([confirmed(rounds), rounds.isOver, rounds.unsettled]).toEqual([[], true, 1]);
});

test('a position that was there before the pin and is past it is none that any commit has', () => {
  const rounds = new Rounds(8);
  rounds.begin(found([], { a: 1_000n, b: 5n }));
  rounds.goOn(found([], { a: 1_000n }), 6n);
  expect(rounds.confirmed).toMatchObject([{ key: 'a', kind: 'different', fields: [{ field: 'position' }] }]);
  expect(rounds.isOver).toBe(true);
});

test('what is beyond those that are followed up stays unsettled', () => {
  const rounds = new Rounds(8);
  rounds.begin(found(['a']), 40);
  rounds.goOn(found(['a']), 2n);
  expect([confirmed(rounds), rounds.unsettled]).toEqual([['a'], 40]);
});
