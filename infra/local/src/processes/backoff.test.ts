import { describe, expect, test } from '@jest/globals';
import { decideRestart, defaultRestartPolicy as policy } from './backoff.ts';

const delays = (count: number): number[] => {
  const found: number[] = [];
  let failures = 0;
  for (let i = 0; i < count; i += 1) {
    const decision = decideRestart(policy, { everReady: true, ranForMs: 100, earlierFailures: failures });
    if (decision.kind !== 'restart') throw new Error('gave up');
    failures = decision.failures;
    found.push(decision.delayMs);
  }
  return found;
};

describe('a process that ends by itself', () => {
  test('is started again after a delay that doubles up to the cap', () => {
    expect(delays(8)).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  });

  test('starts over with the first delay once it has run well', () => {
    const decision = decideRestart(policy, { everReady: true, ranForMs: policy.wellAfterMs, earlierFailures: 6 });
    expect(decision).toEqual({ kind: 'restart', delayMs: 200, failures: 1 });
  });

  test('is given up when it never became ready, after the attempts of the policy', () => {
    expect(decideRestart(policy, { everReady: false, ranForMs: 5, earlierFailures: 1 }).kind).toBe('restart');
    expect(decideRestart(policy, { everReady: false, ranForMs: 5, earlierFailures: 2 })).toEqual({
      kind: 'give-up',
      failures: 3,
    });
  });

  test('is never given up once it was ready', () => {
    expect(decideRestart(policy, { everReady: true, ranForMs: 5, earlierFailures: 1000 })).toMatchObject({
      kind: 'restart',
      delayMs: 10_000,
    });
  });
});
