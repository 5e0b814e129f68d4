import { expect, test } from '@jest/globals';
import { Slab } from './slab.ts';

test('parts stay as they were handed out, whatever comes after them', () => {
  const slab = new Slab();
  const parts: { part: Buffer; text: string }[] = [];
  for (let at = 0; at < 2_000; at++) {
    const text = `${at} ü€ ${'x'.repeat(at % 700)}`;
    parts.push({ part: slab.text(text), text });
    const part = slab.part((buffer, from) => {
      const bytes = Buffer.byteLength(text);
      return from + bytes > buffer.length ? buffer.length - from - bytes : from + buffer.write(text, from);
    });
    parts.push({ part, text });
  }
  for (const { part, text } of parts) expect(part.toString()).toBe(text);
});

test('a part may be larger than a slab', () => {
  const slab = new Slab();
  slab.text('before');
  const large = slab.part((buffer, from) => {
    if (buffer.length - from < 300_000) return -1;
    buffer.fill(7, from, from + 300_000);
    return from + 300_000;
  });
  expect(large.length).toBe(300_000);
  expect(large.every((byte) => byte === 7)).toBe(true);
});
