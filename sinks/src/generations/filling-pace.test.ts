import { expect, test } from '@jest/globals';
import { firstOnly } from '@millrace/schemas/generations';
import { LATE_MS, fillingPace } from './filling-pace.ts';

const rows = (building: number | null, rate: number | null) =>
  new Map([['catalog' as const, { ...firstOnly, building, rate }]]);

test('a filling keeps to its rate, waits while live views are late, and is free once it is switched to', () => {
  let now = rows(2, null);
  let age: number | null = 0;
  const pace = fillingPace(
    'catalog',
    2,
    () => now,
    () => age,
  );
  expect(pace.restMs(500)).toBe(0);
  now = rows(2, 1_000);
  expect(pace.restMs(500)).toBe(500);
  age = LATE_MS + 1;
  expect(pace.restMs(0)).toBeGreaterThan(0);
  now = rows(null, 1_000);
  expect(pace.restMs(500)).toBe(0);
});
