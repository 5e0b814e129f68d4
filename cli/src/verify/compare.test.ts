import { expect, test } from '@jest/globals';
import { differingFields } from './compare.ts';

test('equal documents differ nowhere, whatever the order of their keys', () => {
  expect(differingFields({ a: 1, b: { c: ['x'] } }, { b: { c: ['x'] }, a: 1 })).toEqual([]);
});

test('each differing field is named by its path', () => {
  expect(differingFields({ a: 1, b: { c: ['x', 'y'] } }, { a: 2, b: { c: ['x', 'z'] } })).toEqual([
    { field: 'a', expected: 1, actual: 2 },
    { field: 'b.c[1]', expected: 'y', actual: 'z' },
  ]);
});

test('a list of another length, a missing field and null against a value are differences', () => {
  expect(differingFields({ a: [1] }, { a: [] })).toEqual([{ field: 'a.length', expected: 1, actual: 0 }]);
  expect(differingFields({}, { a: 1 })).toEqual([{ field: 'a', expected: undefined, actual: 1 }]);
  expect(differingFields({ a: 1 }, {})).toEqual([{ field: 'a', expected: 1, actual: undefined }]);
  expect(differingFields({ a: null }, { a: 0 })).toEqual([{ field: 'a', expected: null, actual: 0 }]);
});
