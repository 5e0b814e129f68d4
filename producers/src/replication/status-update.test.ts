import { expect, test } from '@jest/globals';
import { statusUpdate } from './status-update.ts';

test('a status update claims the acknowledged position, and no more, as written, flushed and applied', () => {
  const message = statusUpdate(0x16_b374d848n, Date.UTC(2000, 0, 1) + 1);
  expect(message.toString('hex')).toBe(`72${'00000016b374d848'.repeat(3)}00000000000003e800`);
});
