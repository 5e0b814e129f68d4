import { expect, test } from '@jest/globals';
import { killsOf, processorFaults } from './faults.ts';

test('a seed has one schedule, with exactly as many kills as asked for', () => {
  const schedule = processorFaults('a seed', 100, 3);
  expect(processorFaults('a seed', 100, 3)).toEqual(schedule);
  expect(processorFaults('another', 100, 3)).not.toEqual(schedule);
  for (const kills of [1, 2, 20, 100]) {
    const sum = processorFaults('a seed', kills, 3).reduce((total, fault) => total + killsOf(fault), 0);
    expect(sum).toBe(kills);
  }
});

test('each process is met in each way, and no fault meets all of them', () => {
  const faults = Array.from({ length: 20 }, (_, seed) => processorFaults(String(seed), 50, 3)).flat();
  const met = new Set(
    faults.flatMap((fault) =>
      (fault.kind === 'kill' ? fault.processes : [fault.process]).map((process) => `${fault.kind} ${process}`),
    ),
  );
  expect(met.size).toBe(15);
  expect(faults.every((fault) => fault.kind !== 'kill' || new Set(fault.processes).size < 3)).toBe(true);
});

test('a pause ends before the group notices, a zombie wakes when others have its tasks', () => {
  const faults = Array.from({ length: 20 }, (_, seed) => processorFaults(String(seed), 50, 3)).flat();
  const pauses = faults.flatMap((fault) => (fault.kind === 'pause' ? [fault.forMs] : []));
  const zombies = faults.flatMap((fault) => (fault.kind === 'zombie' ? [fault.forMs] : []));
  expect(Math.max(...pauses)).toBeLessThanOrEqual(3_000);
  expect(Math.min(...zombies)).toBeGreaterThan(6_000);
});
