import { expect, test } from '@jest/globals';
import { TextRow } from '@millrace/schemas/cdc';
import fc from 'fast-check';
import { readCopyLine } from './copy-text.ts';

/** As Postgres writes it. */
const escapes: Record<string, string> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
};
const copied = (text: string) => Array.from(text, (character) => escapes[character] ?? character).join('');

test('every row of texts and nulls is read back from its COPY line', () => {
  const cell = fc.option(
    fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: fc.constantFrom('\\', '\t', '\n', 'N', 'a') })),
  );
  const row = new TextRow();
  fc.assert(
    fc.property(fc.array(cell, { minLength: 1, maxLength: 40 }), (cells) => {
      const line = Buffer.from(`${cells.map((text) => (text === null ? '\\N' : copied(text))).join('\t')}\n`);
      readCopyLine(line, row);
      expect(Array.from({ length: row.count }, (_, i) => (row.isNull(i) ? null : row.text(i)))).toEqual(cells);
    }),
  );
});
