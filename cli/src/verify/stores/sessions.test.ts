import { expect, test } from '@jest/globals';
import { sessionsWithLate, sinceFirst } from './sessions.ts';

const at = (minute: number): string => `2026-01-01 12:${String(minute).padStart(2, '0')}:00.000`;

test('a late event belongs to the session that it would have been in, and may make one of two', () => {
  const first = [at(0), at(5), '2', '0'] as const;
  const second = [at(40), at(45), '1', '0'] as const;
  expect(sessionsWithLate([second, first])).toEqual([
    [at(0), at(5), 2, 0],
    [at(40), at(45), 1, 0],
  ]);
  expect(sessionsWithLate([first, second, [at(3), at(3), '0', '1'], [at(20), at(20), '0', '1']])).toEqual([
    [at(0), at(45), 3, 2],
  ]);
  // The pause itself parts them.
  expect(sessionsWithLate([first, [at(35), at(35), '0', '1']])).toHaveLength(2);
});

test('what the tables have forgotten of an id is not compared; all that they have is', () => {
  const [old, one, two] = [
    [at(0), at(5), 2],
    [at(40), at(45), 1],
    [at(50), at(55), 1],
  ] as const;
  expect(sinceFirst({ sessions: [one] }, { sessions: [old, one, two] })).toEqual({ sessions: [one, two] });
  expect(sinceFirst({ sessions: [old, one] }, { sessions: [one] })).toEqual({ sessions: [one] });
});
