import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { placeTasks } from './placement.ts';
import type { PlacedMember } from './placement.ts';

const named = (count: number): string[] => Array.from({ length: count }, (_, at) => `t${at}`).sort();
const fresh = (ids: readonly string[], tasks: number): PlacedMember[] =>
  ids.map((id) => ({ id, held: [], able: named(tasks) }));
const after = (placed: ReadonlyMap<string, readonly string[]>, ids: readonly string[], tasks: number): PlacedMember[] =>
  ids.map((id) => ({ id, held: placed.get(id) ?? [], able: named(tasks) }));
const members = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,3}$/), { minLength: 1, maxLength: 7 });

test('every task is somewhere, once, and members have equally many within one, also while they come and go', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 }), fc.array(members, { minLength: 1, maxLength: 5 }), (tasks, rounds) => {
      let placed: ReadonlyMap<string, readonly string[]> = new Map();
      for (const ids of rounds) {
        placed = placeTasks(after(placed, ids, tasks));
        expect([...placed.values()].flat().sort()).toEqual(named(tasks));
        const sizes = [...placed.values()].map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test('a member that goes moves its own tasks alone', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 }), members, (tasks, ids) => {
      const before = placeTasks(fresh([...ids, 'gone'], tasks));
      const now = placeTasks(after(before, ids, tasks));
      for (const id of ids) for (const task of before.get(id) ?? []) expect(now.get(id)).toContain(task);
    }),
  );
});

test('a member that comes gets its share, and nothing else moves', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 }), members, (tasks, ids) => {
      const before = placeTasks(fresh(ids, tasks));
      const now = placeTasks(after(before, ['new', ...ids], tasks));
      const moved = ids.flatMap((id) => (before.get(id) ?? []).filter((task) => now.get(id)?.includes(task) !== true));
      expect(moved.sort()).toEqual([...(now.get('new') ?? [])].sort());
    }),
  );
});

test('nobody gets what it is not able to do, and two that hold the same do not keep it both', () => {
  const placed = placeTasks([
    { id: 'a', held: ['x', 'y'], able: ['x', 'y'] },
    { id: 'b', held: ['x'], able: ['x', 'z'] },
  ]);
  expect([...placed.values()].flat().sort()).toEqual(['x', 'y', 'z']);
  expect(placed.get('b')).toContain('z');
  expect(placed.get('a')).toContain('y');
});
