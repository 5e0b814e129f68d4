import { expect, test } from '@jest/globals';
import { isSampled, sampledPages } from './sample.ts';

const ids = Array.from({ length: 10_000 }, (_, at) => `id-${at}`);

test('a sample holds about its fraction, the same ids whenever it is asked, others under another seed', () => {
  const held = ids.filter((id) => isSampled({ fraction: 0.1, seed: 'a' }, id));
  expect(held.length).toBeGreaterThan(800);
  expect(held.length).toBeLessThan(1200);
  expect(ids.filter((id) => isSampled({ fraction: 0.1, seed: 'a' }, id))).toEqual(held);
  expect(ids.filter((id) => isSampled({ fraction: 0.1, seed: 'b' }, id))).not.toEqual(held);
  expect(ids.every((id) => isSampled({ fraction: 1, seed: 'a' }, id))).toBe(true);
});

test('a larger sample of the same seed holds the smaller one', () => {
  const small = ids.filter((id) => isSampled({ fraction: 0.05, seed: 'a' }, id));
  expect(small.every((id) => isSampled({ fraction: 0.2, seed: 'a' }, id))).toBe(true);
});

test('pages are full again after the others were left out, and nothing is lost at the end', async () => {
  const pages = async function* (): AsyncGenerator<string[]> {
    for (let from = 0; from < ids.length; from += 700) yield await Promise.resolve(ids.slice(from, from + 700));
  };
  const sample = { fraction: 0.3, seed: 'x' };
  const found: (readonly string[])[] = [];
  for await (const page of sampledPages(pages(), sample, 100)) found.push(page);
  expect(found.flat()).toEqual(ids.filter((id) => isSampled(sample, id)));
  expect(found.slice(0, -1).every(({ length }) => length === 100)).toBe(true);
});
