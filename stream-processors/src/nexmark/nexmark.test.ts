import { expect, test } from '@jest/globals';
import { nexmarkEvent } from './generator.ts';
import { JavaRandom } from './java-random.ts';
import { plainAnswer } from './testing/plain.ts';
import { nexmarkPipeline, nexmarkQueries } from './queries.ts';
import { runNexmark } from './run.ts';

/** Ten seconds of event time end among them. */
const FIRST = 80_000;
const EVENTS = 40_000;
const random = new JavaRandom(0);
const events = Array.from({ length: EVENTS }, (_, at) => nexmarkEvent(FIRST + at, random, true));

test('java.util.Random as Java has it', () => {
  const of42 = new JavaRandom(42);
  expect([of42.nextInt32(), of42.nextInt32()]).toEqual([-1170105035, 234785527]);
  const ten = new JavaRandom(42);
  expect(Array.from({ length: 6 }, () => ten.nextInt(10))).toEqual([0, 3, 8, 4, 0, 5]);
  expect(new JavaRandom(42).nextDouble()).toBeCloseTo(0.7275636800328681, 16);
});

test('events in the suite’s proportions, with auctions that overlap and hot ones among them', () => {
  const of = (kind: string): number => events.filter((event) => event.kind === kind).length;
  expect([of('person'), of('auction'), of('bid')]).toEqual([EVENTS / 50, (EVENTS * 3) / 50, (EVENTS * 46) / 50]);
  const filled = nexmarkEvent(7, random);
  expect(filled.extra.length).toBeGreaterThan(40);
});

test.each(nexmarkQueries)(
  '%s comes to what a plain computation comes to',
  async (query) => {
    const { view } = await runNexmark(nexmarkPipeline(query), { events: EVENTS, first: FIRST, keepsView: true });
    const plain = plainAnswer(query, events, FIRST);
    expect(plain.size).toBeGreaterThan(0);
    expect(view.size).toBe(plain.size);
    for (const [key, value] of plain) {
      if (JSON.stringify(sorted(JSON.parse(view.get(`q:${key}`) ?? 'null'))) === JSON.stringify(sorted(value)))
        continue;
      expect({ key, value: JSON.parse(view.get(`q:${key}`) ?? 'null') as unknown }).toEqual({ key, value });
    }
  },
  60_000,
);

/** With the fields of each object in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}
