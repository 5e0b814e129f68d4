import { describe, expect, test } from '@jest/globals';
import type { PartitionMark } from '@millrace/schemas/stores';
import { Publisher } from './publisher.ts';
import type { PublisherClock } from './publisher.ts';

/** A clock that a test moves, and a record of what the publisher did. */
function arranged(options: { failRefresh?: () => boolean } = {}) {
  const done: string[] = [];
  const failures: unknown[] = [];
  let now = 1000;
  let due: { at: number; run: () => void } | null = null;
  const clock: PublisherClock = {
    now: () => now,
    after: (ms, run) => {
      due = { at: now + ms, run };
      return () => {
        due = null;
      };
    },
  };
  const publisher = new Publisher(
    400,
    {
      refresh: () => {
        if (options.failRefresh?.() === true) return Promise.reject(new Error('no refresh'));
        done.push('refresh');
        return Promise.resolve();
      },
      storeMarks: (marks) => {
        done.push(`store ${marks.map(({ offset }) => offset.toString()).join(',')}`);
        return Promise.resolve();
      },
      published: () => done.push('published'),
      failed: (error) => failures.push(error),
    },
    clock,
  );
  const elapse = async (ms: number): Promise<void> => {
    now += ms;
    if (due !== null && due.at <= now) {
      const { run } = due;
      due = null;
      run();
    }
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return { publisher, done, failures, elapse };
}

const mark = (offset: bigint, partition = 0): PartitionMark => ({
  view: 'catalog',
  partition,
  lsn: offset,
  committedAtMs: 0,
  offset,
});

describe('publisher', () => {
  test('a mark is stored only after the refresh that makes its entries findable', async () => {
    const { publisher, done, elapse } = arranged();
    publisher.add([mark(1n)], true);
    await elapse(0);
    expect(done).toEqual(['refresh', 'store 1', 'published']);
  });

  test('rounds keep their distance, and the last mark of each partition goes with the next one', async () => {
    const { publisher, done, elapse } = arranged();
    publisher.add([mark(1n)], true);
    await elapse(0);
    publisher.add([mark(2n), mark(5n, 1)], true);
    publisher.add([mark(3n)], false);
    await elapse(399);
    expect(done).toHaveLength(3);
    await elapse(1);
    expect(done.slice(3)).toEqual(['refresh', 'store 3,5', 'published']);
  });

  test('marks without entries need no refresh', async () => {
    const { publisher, done, elapse } = arranged();
    publisher.add([mark(1n)], false);
    await elapse(0);
    expect(done).toEqual(['store 1', 'published']);
  });

  test('flush publishes at once, also what came during a round', async () => {
    const { publisher, done, elapse } = arranged();
    publisher.add([mark(1n)], true);
    await elapse(0);
    publisher.add([mark(2n)], true);
    await publisher.flush();
    expect(done.slice(3)).toEqual(['refresh', 'store 2', 'published']);
  });

  test('after a failed refresh no mark is stored any more, and flush says so', async () => {
    const { publisher, done, failures, elapse } = arranged({ failRefresh: () => true });
    publisher.add([mark(1n)], true);
    await elapse(0);
    publisher.add([mark(2n)], false);
    await elapse(1000);
    expect(done).toEqual([]);
    expect(failures).toHaveLength(1);
    await expect(publisher.flush()).rejects.toThrow('no refresh');
  });
});
