import { describe, expect, test } from '@jest/globals';
import type { AppliedMark } from '@millrace/schemas/stores';
import { WatermarkWaiter } from './watermark-waiter.ts';

const mark = (lsn: bigint): AppliedMark => ({ lsn, committedAtMs: 0, offset: 0n });

/** A store whose partitions stand at `at`, read at a clock that each pause moves on. */
function fixture(at: bigint[], onRead: (read: number) => void = () => undefined) {
  const state = { reads: 0, clock: 0 };
  const waiter = new WatermarkWaiter({
    partitions: at.length,
    pollMs: 2,
    now: () => state.clock,
    sleep: (ms) => {
      state.clock += ms;
      return Promise.resolve();
    },
    read: () => {
      state.reads += 1;
      onRead(state.reads);
      return Promise.resolve(new Map(at.map((lsn, partition) => [partition, mark(lsn)])));
    },
  });
  return { waiter, state };
}

describe('waiting for a position', () => {
  test('ends when the store has it', async () => {
    const at = [1n, 1n];
    const { waiter, state } = fixture(at, (read) => (at[1] = read < 5 ? 1n : 9n));
    expect(await waiter.waitFor('catalog', 1, 8n, 1_000)).toEqual(mark(9n));
    expect(state).toEqual({ reads: 5, clock: 8 });
  });

  test('ends without it when the time is over', async () => {
    const { waiter, state } = fixture([1n]);
    expect(await waiter.waitFor('catalog', 0, 8n, 10)).toBeNull();
    expect(state.clock).toBe(10);
  });

  test('of the whole view wants every partition, and claims the lowest', async () => {
    const at = [9n, 3n];
    const { waiter } = fixture(at, (read) => (at[1] = read < 3 ? 3n : 8n));
    expect(await waiter.waitFor('catalog', 'all', 7n, 1_000)).toEqual(mark(8n));
  });

  test('of a view with a partition that has said nothing is in vain', async () => {
    const { waiter } = fixture([9n]);
    expect(waiter.markIn(new Map(), 'all')).toBeNull();
    expect(await waiter.waitFor('catalog', 3, 1n, 4)).toBeNull();
  });

  test('is one poller’s work however many wait, and stops with the last of them', async () => {
    const at = [1n];
    const { waiter, state } = fixture(at, (read) => (at[0] = BigInt(read)));
    const all = await Promise.all(Array.from({ length: 50 }, () => waiter.waitFor('orders', 0, 6n, 1_000)));
    expect(new Set(all.map((one) => one?.lsn))).toEqual(new Set([6n]));
    expect(state.reads).toBe(6);
    await waiter.waitFor('orders', 0, 7n, 1_000);
    expect(state.reads).toBe(7);
  });

  test('fails for everyone who waits when the store does, and works again afterwards', async () => {
    const at = [1n];
    const { waiter } = fixture(at, (read) => {
      if (read === 2) throw new Error('away');
      if (read > 2) at[0] = 9n;
    });
    const both = [waiter.waitFor('orders', 0, 6n, 100), waiter.waitFor('orders', 0, 7n, 100)];
    expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await waiter.waitFor('orders', 0, 6n, 100)).toEqual(mark(9n));
  });
});

test('recent marks are read once for all who ask within their age', async () => {
  const { waiter, state } = fixture([4n]);
  await Promise.all([waiter.recent('catalog', 100), waiter.recent('catalog', 100)]);
  state.clock = 100;
  await waiter.recent('catalog', 100);
  expect(state.reads).toBe(1);
  state.clock = 101;
  await waiter.recent('catalog', 100);
  expect(state.reads).toBe(2);
});
