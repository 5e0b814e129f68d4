import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Acknowledger } from './acknowledger.ts';

describe('what is acknowledged to Postgres', () => {
  test('begins with what the slot has confirmed', () => {
    expect(new Acknowledger(42n).acknowledged).toBe(42n);
  });

  test('waits for the log, and for everything handed over before', () => {
    const acknowledger = new Acknowledger(0n);
    const first = acknowledger.handOver(10n);
    const second = acknowledger.handOver(20n);
    second();
    expect(acknowledger.acknowledged).toBe(0n);
    first();
    expect(acknowledger.acknowledged).toBe(20n);
  });

  test('what the stream reached without data counts only behind what was handed over before it', () => {
    const acknowledger = new Acknowledger(0n);
    const settle = acknowledger.handOver(10n);
    acknowledger.reached(50n);
    acknowledger.reached(60n);
    expect(acknowledger.acknowledged).toBe(0n);
    settle();
    expect(acknowledger.acknowledged).toBe(60n);
    acknowledger.reached(70n);
    expect(acknowledger.acknowledged).toBe(70n);
  });

  test('never goes back', () => {
    const acknowledger = new Acknowledger(100n);
    acknowledger.handOver(30n)();
    acknowledger.reached(40n);
    expect(acknowledger.acknowledged).toBe(100n);
  });

  test('in any order of answers, it is never past the first hand-over that is not settled', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(99), { minLength: 1, maxLength: 60 }), (order) => {
        const acknowledger = new Acknowledger(0n);
        const settlers = order.map((_, index) => acknowledger.handOver(BigInt(index + 1)));
        const open = new Set(order.keys());
        for (const draw of order) {
          const remaining = [...open];
          const index = remaining[draw % remaining.length] ?? 0;
          open.delete(index);
          settlers[index]?.();
          const firstOpen = Math.min(...open, order.length);
          expect(acknowledger.acknowledged).toBe(BigInt(firstOpen));
        }
      }),
    );
  });
});
