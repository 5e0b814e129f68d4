import { expect, test } from '@jest/globals';
import { faultSchedule, isKill } from './faults.ts';

const engines = { brokers: 3, outageMs: 20_000 };

test('a seed has one schedule, with as many kills as asked for, the first of them in the snapshot', () => {
  const schedule = faultSchedule('a seed', 50, engines);
  expect(faultSchedule('a seed', 50, engines)).toEqual(schedule);
  expect(faultSchedule('another', 50, engines)).not.toEqual(schedule);
  expect(schedule.filter(isKill)).toHaveLength(50);
  expect(schedule[0]?.kind).toBe('kill-in-snapshot');
});

test('engines that are not the campaign’s own are left alone', () => {
  const kinds = Array.from({ length: 20 }, (_, seed) => faultSchedule(String(seed), 50, null)).flat();
  expect(kinds.some(({ kind }) => ['postgres', 'broker', 'outage'].includes(kind))).toBe(false);
});

test('the shortest campaign has a broker whose leaders move', () => {
  const [first] = faultSchedule('a seed', 2, engines).filter(({ kind }) => kind === 'broker');
  expect(first).toMatchObject({ how: 'kill', forMs: expect.any(Number) });
});

test('of own engines each broker is met, in each way, and none is away for longer than was said', () => {
  const faults = Array.from({ length: 20 }, (_, seed) => faultSchedule(String(seed), 50, engines)).flat();
  const met = new Set(faults.flatMap((fault) => (fault.kind === 'broker' ? [`${fault.broker} ${fault.how}`] : [])));
  expect(met.size).toBe(9);
  const outages = faults.flatMap((fault) => (fault.kind === 'outage' ? [fault.forMs] : []));
  expect(Math.max(...outages)).toBeLessThanOrEqual(20_000);
  expect(Math.max(...outages)).toBeGreaterThan(10_000);
});
