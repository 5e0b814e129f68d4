import { closeCodeOf } from '../protocol/close-codes.ts';

const LONGEST_WAIT_MS = 30_000;

/**
 * Ms until the next try after a close, or null where the code says not to come back. `failures` counts tries in a row that did not lead to a
 * connection: each doubles the code's range.
 */
export function reconnectDelayMs(code: number, failures: number, random: () => number): number | null {
  const range = closeCodeOf(code).reconnectMs;
  if (range === null) return null;
  const [least, most] = range;
  const factor = 2 ** Math.min(failures, 10);
  const longest = Math.max(LONGEST_WAIT_MS, most);
  const drawn = least + (most - least) * random();
  return Math.min(longest, Math.max(failures > 0 ? 50 : 0, drawn) * factor);
}
