import { expect, test } from '@jest/globals';
import { connect } from 'node:net';

test('what Node itself throws is an Error in a test too, and no subclass of one', async () => {
  const refused = await new Promise((resolve) => connect(1, '127.0.0.1').once('error', resolve));
  expect(refused instanceof Error).toBe(true);
  const failed: unknown = await fetch('http://127.0.0.1:1').catch((error: unknown) => error);
  expect(failed instanceof Error && failed.cause instanceof Error).toBe(true);
  expect(failed instanceof RangeError).toBe(false);
});
