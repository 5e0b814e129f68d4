import { expect, test } from '@jest/globals';
import { isKill, viewsFaults } from './faults.ts';

test('a seed has one schedule, with exactly as many kills as asked for', () => {
  const schedule = viewsFaults('a seed', 100);
  expect(viewsFaults('a seed', 100)).toEqual(schedule);
  expect(viewsFaults('another', 100)).not.toEqual(schedule);
  expect(schedule.filter(isKill)).toHaveLength(100);
});

test('a hundred kills meet every store, every sinks process and the rebuild', () => {
  const met = new Set(
    viewsFaults('a seed', 100).flatMap((fault) => {
      if (fault.kind === 'store') return [fault.store];
      return fault.kind === 'rebuild' || fault.kind === 'freeze' ? [fault.kind] : [fault.process];
    }),
  );
  expect([...met].sort()).toEqual(['clickhouse', 'freeze', 'rebuild', 'redis', 'search', 'sinks', 'sinks-2']);
});
