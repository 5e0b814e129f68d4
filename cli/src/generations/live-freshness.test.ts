import { expect, test } from '@jest/globals';
import type { Lag } from '../lag/index.ts';
import { LATE_MS, LiveFreshness } from './live-freshness.ts';

const lag = (position: string, ageMs: number | null, partition = 0): Lag => ({
  view: 'catalog',
  store: 'redis',
  partition,
  position,
  committedAt: '',
  ageMs,
  behindMs: null,
});

test('what readers see is late as soon as one partition of it is', () => {
  const freshness = new LiveFreshness();
  expect(freshness.isLate([lag('1', LATE_MS), lag('1', 10, 1)], 0)).toBe(false);
  expect(freshness.isLate([lag('2', 10), lag('2', LATE_MS + 1, 1)], 1_000)).toBe(true);
  expect(freshness.isLate([lag('2', null)], 2_000)).toBe(false);
});

test('a partition that stands still is waited for a while, and again when it moves', () => {
  const freshness = new LiveFreshness();
  expect(freshness.isLate([lag('1', 90_000)], 0)).toBe(true);
  expect(freshness.isLate([lag('1', 104_000)], 14_000)).toBe(true);
  expect(freshness.isLate([lag('1', 105_000)], 15_000)).toBe(false);
  expect(freshness.isLate([lag('2', 80_000)], 16_000)).toBe(true);
});
