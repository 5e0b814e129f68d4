import { expect, test } from '@jest/globals';
import { blockersText } from './blockers.ts';
import { alarmOf, alarmText } from './slot-watch.ts';

test.each([
  ['reserved', 49, 'none'],
  ['reserved', 50, 'warning'],
  ['extended', 79, 'warning'],
  ['unreserved', 80, 'critical'],
  ['lost', 0, 'lost'],
])('a slot that is %s and retains %d % of its budget: %s', (walStatus, percent, alarm) => {
  expect(alarmOf(walStatus, percent, 100)).toBe(alarm);
});

test('an alarm says how much of what and what to do', () => {
  const health = {
    walStatus: 'extended',
    active: true,
    retainedBytes: 900 * 1_048_576,
    lagBytes: 0,
    budgetBytes: 1_024 * 1_048_576,
    alarm: 'critical' as const,
    failover: false,
    synchronizedStandbySlots: '',
  };
  expect(alarmText('millrace', health)).toContain('retains 88 % of its WAL budget (900 MiB of 1024 MiB)');
  expect(alarmText('millrace', { ...health, alarm: 'none' })).toBeNull();
});

test('what blocks a slot is named with the statement that ends it', () => {
  const text = blockersText([
    { pid: 42, name: 'psql', user: 'ann', state: 'idle in transaction', ageSeconds: 61.4 },
    { pid: null, name: "o'tx", user: 'bob', state: 'prepared', ageSeconds: 3600 },
  ]);
  expect(text).toContain('pid 42 (psql, idle in transaction) of ann, open for 61 s');
  expect(text).toContain('select pg_terminate_backend(42)');
  expect(text).toContain("rollback prepared 'o''tx'");
});
