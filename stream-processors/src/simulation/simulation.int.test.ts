import { expect, test } from '@jest/globals';
import { Checker, Place } from './index.ts';

/** Some half a minute of one core; `millrace chaos processing --seeds 1000000` is the long version. */
const SEEDS = 2_500;

test('many schedules of faults come to what the sequential runs are', async () => {
  const checker = new Checker(await Place.open());
  const failed = [];
  for (let seed = 0; seed < SEEDS; seed++) {
    const report = await checker.check(seed);
    if (report.findings.length > 0) failed.push(report);
  }
  expect(failed).toEqual([]);
}, 600_000);
