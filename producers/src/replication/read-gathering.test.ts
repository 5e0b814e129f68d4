import { describe, expect, test } from '@jest/globals';
import { ReadGathering } from './read-gathering.ts';

function gathering() {
  let nowMs = 0;
  const timers: { atMs: number; run: () => void }[] = [];
  const held: boolean[] = [];
  const clock = {
    nowMs: () => nowMs,
    after: (delayMs: number, run: () => void) => void timers.push({ atMs: nowMs + delayMs, run }),
  };
  const reads = new ReadGathering((hold) => held.push(hold), clock);
  const read = (bytes: number, afterMs: number): void => {
    nowMs += afterMs;
    reads.read(bytes);
  };
  const fire = (): void => {
    const timer = timers.shift();
    if (timer === undefined) throw new Error('no timer is set');
    nowMs = timer.atMs;
    timer.run();
  };
  return { read, fire, held, timers };
}

describe('reads from Postgres', () => {
  test('that come singly are never held', () => {
    const { read, held } = gathering();
    for (let count = 0; count < 100; count++) read(300, 0.6);
    expect(held).toEqual([]);
  });

  test('that are large are never held', () => {
    const { read, held } = gathering();
    for (let count = 0; count < 100; count++) read(65_536, 0.01);
    expect(held).toEqual([]);
  });

  test('of a flow of small ones are held for a millisecond, again and again while it lasts', () => {
    const { read, fire, held, timers } = gathering();
    for (let count = 0; count < 20; count++) read(300, 0.02);
    expect(held).toEqual([true]);
    fire();
    for (let count = 0; count < 100; count++) read(300, 0);
    expect(held).toEqual([true, false]);
    fire();
    for (let count = 0; count < 7; count++) read(300, 0.02);
    expect(held).toEqual([true, false]);
    read(300, 0.02);
    expect(held).toEqual([true, false, true]);
    fire();
    fire();
    read(300, 5);
    expect([held.length, timers.length]).toEqual([4, 0]);
  });
});
