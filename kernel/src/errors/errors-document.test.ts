import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { errorPolicy } from './index.ts';

const document = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');

test('docs/errors.md lists every error kind with its disposition and hint, and no other', () => {
  const rows = [...document.matchAll(/^\| `([a-z-]+)` +\| ([a-z-]+) +\| \d{3} +\| (.+?) +\|$/gm)];
  const documented = new Map(rows.map(([, kind, disposition, hint]) => [kind, { disposition, hint }]));
  expect(documented).toEqual(new Map(Object.entries(errorPolicy)));
});
