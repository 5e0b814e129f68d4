import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { metadataOf, partFrom, partsOf } from './membership.ts';
import { placeStandbys, placeTasks } from './placement.ts';
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

/** As members say it of themselves after such a placement. */
function membersAfter(ids: readonly string[], tasks: number, replicas: number, before: Placed): PlacedMember[] {
  return ids.map((id) => {
    const held = before.standbys.get(id) ?? [];
    const standbys = { replicas, held, warm: held, able: named(tasks) };
    return { id, held: before.tasks.get(id) ?? [], able: named(tasks), standbys };
  });
}

interface Placed {
  readonly tasks: ReadonlyMap<string, readonly string[]>;
  readonly standbys: ReadonlyMap<string, readonly string[]>;
}

function placedOn(ids: readonly string[], tasks: number, replicas: number, before?: Placed): Placed {
  const nothing = { tasks: new Map<string, string[]>(), standbys: new Map<string, string[]>() };
  const placing = membersAfter(ids, tasks, replicas, before ?? nothing);
  const placed = placeTasks(placing);
  return { tasks: placed, standbys: placeStandbys(placing, placed) };
}

const replicaCounts = fc.integer({ min: 0, max: 3 });

test('each task has as many standbys as there are to be, or other members, and none where the task is, also while members come and go', () => {
  const rounds = fc.array(members, { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 }), replicaCounts, rounds, (tasks, replicas, all) => {
      let placed: Placed | undefined;
      for (const ids of all) {
        placed = placedOn(ids, tasks, replicas, placed);
        const sizes = [...placed.tasks.values()].map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        for (const task of named(tasks)) {
          const at = ids.filter((id) => placed?.standbys.get(id)?.includes(task) === true);
          expect(at).toHaveLength(Math.min(replicas, ids.length - 1));
          expect(at.some((id) => placed?.tasks.get(id)?.includes(task) === true)).toBe(false);
        }
      }
    }),
  );
});

test('a member that goes leaves its tasks where their warm standbys are, all of them where nobody gets too many by it', () => {
  let cold = 0;
  let moved = 0;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.uniqueArray(fc.stringMatching(/^[a-z]{1,3}$/), { minLength: 3, maxLength: 6 }),
      (tasks, ids) => {
        const before = placedOn(ids, tasks, 1);
        const [gone = '', ...left] = ids;
        const now = placedOn(left, tasks, 1, before);
        for (const task of before.tasks.get(gone) ?? []) {
          moved++;
          const at = left.find((id) => now.tasks.get(id)?.includes(task)) ?? '';
          if (before.standbys.get(at)?.includes(task) !== true) cold++;
        }
      },
    ),
  );
  expect(moved).toBeGreaterThan(100);
  expect(cold / moved).toBeLessThan(0.1);
});

test('standbys stay where they are when nothing changes, and a member that comes takes none but its share of them', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 }), members, (tasks, ids) => {
      const before = placedOn(ids, tasks, 1);
      expect(placedOn(ids, tasks, 1, before)).toEqual(before);
      const now = placedOn([...ids, 'new'], tasks, 1, before);
      expect(now.standbys.get('new')?.length).toBeLessThanOrEqual(Math.ceil(tasks / (ids.length + 1)) + 1);
    }),
  );
});

test('one that keeps no standbys gets none, and a warm one goes before one that is not', () => {
  const standbys = { replicas: 1, held: ['x'], warm: ['x'], able: ['x', 'y'] };
  const able = ['x', 'y'];
  const placing: PlacedMember[] = [
    { id: 'a', held: [], able, standbys: { ...standbys, warm: [] } },
    { id: 'b', held: [], able, standbys },
    { id: 'c', held: [], able: [] },
  ];
  const placed = placeTasks(placing);
  expect([...placed]).toEqual([
    ['a', ['y']],
    ['b', ['x']],
    ['c', []],
  ]);
  expect([...placeStandbys(placing, placed)]).toEqual([
    ['a', ['x']],
    ['b', ['y']],
    ['c', []],
  ]);
});

test('a process of a release without standbys is told its tasks as it expects it', () => {
  const old = JSON.stringify({ held: [], able: ['x/0', 'y/0'] });
  const said = metadataOf({
    ...{ held: ['x/0'], able: ['x/0', 'y/0'] },
    standbys: { replicas: 1, held: [], warm: [], able: ['x/0', 'y/0'] },
  });
  const parts = partsOf([
    { id: 'new', metadata: said },
    { id: 'old', metadata: old },
  ]);
  expect(JSON.parse(parts.get('old') ?? '')).toEqual(['y/0']);
  expect(partFrom(parts.get('new') ?? '')).toEqual({ tasks: ['x/0'], standbys: ['y/0'] });
  expect(partFrom('["x/0"]')).toEqual({ tasks: ['x/0'], standbys: [] });
  expect(partFrom('')).toEqual({ tasks: [], standbys: [] });
});
