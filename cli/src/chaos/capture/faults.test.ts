import { expect, test } from '@jest/globals';
import { faultSchedule, isKill } from './faults.ts';

test('a seed has one schedule, with as many kills as asked for, the first of them in the snapshot', () => {
  const schedule = faultSchedule('a seed', 50, true);
  expect(faultSchedule('a seed', 50, true)).toEqual(schedule);
  expect(faultSchedule('another', 50, true)).not.toEqual(schedule);
  expect(schedule.filter(isKill)).toHaveLength(50);
  expect(schedule[0]?.kind).toBe('kill-in-snapshot');
});

test('engines that are not the campaign’s own are left alone', () => {
  const kinds = Array.from({ length: 20 }, (_, seed) => faultSchedule(String(seed), 50, false)).flat();
  expect(kinds.some(({ kind }) => kind === 'engine')).toBe(false);
});
