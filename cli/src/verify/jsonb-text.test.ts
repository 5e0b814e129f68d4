import { expect, test } from '@jest/globals';
import { jsonbText } from './jsonb-text.ts';

test('shorter keys come first, as long ones by their bytes, spaces as Postgres puts them', () => {
  expect(jsonbText({ material: 'Wood', b: [1, null, { z: true, é: 'ü"' }], a: 2 })).toBe(
    '{"a": 2, "b": [1, null, {"z": true, "é": "ü\\""}], "material": "Wood"}',
  );
});
