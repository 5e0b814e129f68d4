import { expect, test } from '@jest/globals';
import { Ghosts } from './ghosts.ts';
import { Pace, lowerLimit } from './pace.ts';

const scope = (primaryKey: readonly string[]) => ({
  schema: 'shop',
  table: 'items',
  aggregateColumn: 'id',
  primaryKey,
  from: null,
  to: null,
  among: null,
});

/** The table has these keys. */
const has =
  (...keys: readonly string[]) =>
  (asked: readonly (readonly string[])[]) =>
    Promise.resolve(asked.flatMap((key, index) => (keys.includes(key.join('/')) ? [] : [index])));

async function ghostsOf(ghosts: Ghosts, facts: readonly [string | null, boolean, number?][]): Promise<string[]> {
  for (const [key, held, partition = 0] of facts) await ghosts.take({ partition, table: 'items', key, held });
  return (await ghosts.found()).map((key) => key.join('/'));
}

test('a row that the log holds and the table has not is a ghost, once; a deleted one is none', async () => {
  const facts: [string, boolean][] = [
    ['a', true],
    ['b', true],
    ['c', true],
    ['b', true],
    ['c', false],
    ['d', false],
    ['d', true],
  ];
  expect(await ghostsOf(new Ghosts(scope(['id']), null, has('a')), facts)).toEqual(['b', 'd']);
});

test('a truncate leaves no ghosts', async () => {
  expect(
    await ghostsOf(new Ghosts(scope(['id']), null, has()), [
      ['a', true],
      [null, false],
      ['b', true],
    ]),
  ).toEqual(['b']);
});

test('a truncate leaves the ghosts of other partitions, which are read in any order', async () => {
  const table = has('a');
  const held = Array.from({ length: 3_000 }, (_, n): [string, boolean, number] => [`b${n}`, true, 1]);
  const facts: [string | null, boolean, number][] = [...held, ['a', true, 0], ['c', true, 0], [null, false, 0]];
  expect(await ghostsOf(new Ghosts(scope(['id']), null, table), facts)).toHaveLength(3_000);
});

test('of some aggregates only their own rows, and a gone root also where the log does not hold it', async () => {
  const parts = new Ghosts(scope(['id', 'part']), ['a', 'c'], has('a/1', 'c/2'));
  expect(
    await ghostsOf(parts, [
      ['a/1', true],
      ['a/2', true],
      ['b/1', true],
      ['c/1', true],
      ['c/2', true],
    ]),
  ).toEqual(['a/2', 'c/1']);
  expect(await ghostsOf(new Ghosts(scope(['id']), ['a', 'b'], has('b')), [['a', false]])).toEqual(['a']);
  expect(await ghostsOf(new Ghosts(scope(['id']), ['a'], has('a')), [])).toEqual([]);
});

test('a key of several columns whose parts cannot be told apart is left alone, and counted', async () => {
  const ghosts = new Ghosts(scope(['id', 'part']), null, has());
  expect(await ghostsOf(ghosts, [['a/b/c', true]])).toEqual([]);
  expect(ghosts.unreadable).toBe(1);
});

test('the pace is kept over time, and says how long the rest takes', async () => {
  let nowMs = 0;
  const wait = (ms: number): Promise<void> => {
    nowMs += ms;
    return Promise.resolve();
  };
  const { signal } = new AbortController();
  const pace = new Pace(1_000, () => nowMs, wait);
  await pace.took(500, signal);
  expect(nowMs).toBe(500);
  nowMs += 2_000;
  await pace.took(500, signal);
  expect([nowMs, pace.secondsFor(4_000)]).toEqual([2_500, 10]);
  const free = new Pace(0, () => nowMs, wait);
  await free.took(1_000_000, signal);
  expect([nowMs, free.secondsFor(1)]).toEqual([2_500, null]);
});

test('what is held rests, is not faster afterwards for it, and goes on by itself', async () => {
  let nowMs = 0;
  const wait = (ms: number): Promise<void> => {
    nowMs += ms;
    return Promise.resolve();
  };
  const { signal } = new AbortController();
  const pace = new Pace(1_000, () => nowMs, wait);
  pace.hold(2_000);
  expect(pace.isHeld).toBe(true);
  await pace.took(500, signal);
  expect([nowMs, pace.isHeld]).toEqual([2_000, false]);
  await pace.took(500, signal);
  expect(nowMs).toBe(2_500);
});

test('of two limits the lower one holds, 0 being none', () => {
  expect([lowerLimit(0, 0), lowerLimit(0, 5), lowerLimit(5, 0), lowerLimit(5, 7)]).toEqual([0, 5, 5, 5]);
});
