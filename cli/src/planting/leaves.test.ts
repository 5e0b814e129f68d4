import { expect, test } from '@jest/globals';
import { changedLeaves } from './leaves.ts';

test('each leaf is changed once, the others stay, and the value itself is left alone', () => {
  const value = { a: 1, b: [{ c: 'x' }, { c: '2.50' }], d: null, e: [], f: true };
  const before = structuredClone(value);
  expect([...changedLeaves(value)]).toEqual([
    { path: 'a', value: { ...value, a: 2 } },
    { path: 'b.0.c', value: { ...value, b: [{ c: 'x~' }, { c: '2.50' }] } },
    { path: 'b.1.c', value: { ...value, b: [{ c: 'x' }, { c: '987654.32' }] } },
    { path: 'd', value: { ...value, d: 'planted' } },
    { path: 'f', value: { ...value, f: false } },
  ]);
  expect(value).toEqual(before);
});
