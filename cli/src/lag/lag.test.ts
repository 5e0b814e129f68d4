import { expect, test } from '@jest/globals';
import { lagOf, worstAges } from './lag.ts';

const mark = (partition: number, committedAtMs: number) =>
  ({ store: 'redis', view: 'orders', partition, lsn: 7n, committedAtMs, offset: 0n }) as const;

test('age counts from now, being behind from the newest commit that any view has', () => {
  const lags = lagOf([mark(1, 9_000), mark(0, 10_000)], 10_500);
  expect(lags.map(({ partition, ageMs, behindMs }) => [partition, ageMs, behindMs])).toEqual([
    [0, 500, 0],
    [1, 1_500, 1_000],
  ]);
  expect(lags[0]?.position).toBe('00000000000000000007');
});

test('a view is as fresh as its oldest partition', () => {
  expect(worstAges(lagOf([mark(0, 10_000), mark(1, 9_000)], 10_500)).get('orders@redis')).toBe(1_500);
});

test('a partition without a commit has no age, and neither has its view', () => {
  const lags = lagOf([mark(0, 0), mark(1, 9_000)], 10_000);
  expect(lags.map(({ ageMs }) => ageMs)).toEqual([null, 1_000]);
  expect(worstAges(lags).get('orders@redis')).toBeNull();
});
