import { describe, expect, test } from '@jest/globals';
import { formatMembership, moveCommands, parseLeft, parseMembership, settledMove } from './membership.ts';
import type { Move } from './membership.ts';

const move = (member: string, sets: readonly string[], leaves: readonly string[] = []): Move => ({
  score: '7',
  member,
  sets,
  leaves,
});

describe('which sorted sets hold an entry', () => {
  test('is text in its hash that reads back', () => {
    const membership = { score: '1767225600000', member: 'p1', sets: ['category:c1:children', 'products:tag:a b:{c}'] };
    expect(parseMembership(formatMembership(membership))).toEqual(membership);
    expect(parseMembership(null)).toBeNull();
    expect(parseMembership('')).toBeNull();
    expect(parseLeft(`${'0'.repeat(20)}\0one\0two`)).toEqual(['one', 'two']);
    expect(parseLeft(null)).toEqual([]);
  });

  test('is told to each set once, by commands with one key each', () => {
    const moves = [move('p1', ['a', 'b'], ['c']), move('p2', ['b'], ['c', 'd'])];
    expect(moveCommands(moves)).toEqual([
      ['zrem', 'c', 'p1', 'p2'],
      ['zrem', 'd', 'p2'],
      ['zadd', 'a', '7', 'p1'],
      ['zadd', 'b', '7', 'p1', '7', 'p2'],
    ]);
    const many = Array.from({ length: 1_200 }, (_, n) => move(`p${n}`, ['a']));
    expect(moveCommands(many).map(({ length }) => length)).toEqual([1_002, 1_002, 402]);
  });

  test('is what the entry says now, whatever was done for an older version of it', () => {
    const done = move('p1', ['a', 'b'], ['c']);
    const now = { score: '8', member: 'p1', sets: ['c', 'd'] };
    const settled = settledMove(done, now, ['e', 'd']);
    expect(settled).toMatchObject({ score: '8', member: 'p1', sets: ['c', 'd'] });
    expect([...settled.leaves].sort()).toEqual(['a', 'b', 'e']);
    expect(settledMove(done, null, []).sets).toEqual([]);
    expect([...settledMove(done, null, []).leaves].sort()).toEqual(['a', 'b', 'c']);
  });
});
