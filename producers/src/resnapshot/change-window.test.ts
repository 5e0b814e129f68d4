import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ChangeWindow } from './change-window.ts';
import { Visibility, low } from './visibility.ts';

const relation = { schema: 'shop', table: 'items', columns: [] };

describe('visibility', () => {
  test('sees what had ended before, not what runs or begins later', () => {
    const visibility = new Visibility('10:20:12,15');
    expect([9, 11, 12, 15, 19, 20, 21].map((id) => visibility.sees(id))).toEqual([
      true,
      true,
      false,
      false,
      true,
      false,
      false,
    ]);
    expect(visibility.running).toEqual(['12', '15']);
  });

  test('ids wrap around at 32 bits', () => {
    const visibility = new Visibility('8589934590:8589934600:8589934591,8589934595');
    expect(low('8589934595')).toBe(3);
    expect([4_294_967_295, 3, 4, 7, 8].map((id) => visibility.sees(id))).toEqual([false, false, true, true, false]);
  });

  test('another form is refused', () => {
    expect(() => new Visibility('10-20')).toThrow('unknown form');
  });
});

test('a truncate that the snapshot does not see forbids the whole table', () => {
  const window = new ChangeWindow([relation]);
  window.truncated(relation, 12);
  expect(window.permits(relation, Buffer.from('items/1'), new Visibility('12:13:12'))).toBe(false);
  expect(window.permits(relation, Buffer.from('items/1'), new Visibility('13:13:'))).toBe(true);
});

test('other tables are not remembered', () => {
  const window = new ChangeWindow([relation]);
  window.changed({ ...relation, table: 'others' }, Buffer.from('others/1'), 5);
  expect(window.size).toBe(0);
});

test('knows of which keys the stream has told since it was asked to, or that it does not', () => {
  const window = new ChangeWindow([relation], 3);
  const key = (name: string): Buffer => Buffer.from(`items/${name}`);
  window.changed(relation, key('before'), 5);
  window.noteTouched();
  window.changed(relation, key('a'), 6);
  window.forget(new Visibility('10:10:'));
  expect([key('before'), key('a')].map((one) => window.isTouched(relation, one))).toEqual([false, true]);
  for (const name of ['b', 'c', 'd']) window.changed(relation, key(name), 11);
  expect(window.isTouched(relation, key('a'))).toBeNull();
  window.noteTouched();
  expect(window.isTouched(relation, key('a'))).toBe(false);
  window.truncated(relation, 12);
  expect(window.isTouched(relation, key('a'))).toBeNull();
});

interface Transaction {
  readonly id: number;
  readonly writes: readonly string[];
  state: 'running' | 'committed' | 'visible';
}

/**
 * A database whose commits are in the WAL, and in the stream, before other sessions see them, and a stream that lags; a chunk may be read at any
 * moment. Values are the writing transaction's place in commit order.
 */
class World {
  readonly keys = ['a', 'b', 'c'];
  readonly log = new Map<string, number[]>();
  /** The newest of each key that was in the log when it was lost. */
  readonly lost = new Map<string, number>();
  readonly window: ChangeWindow;
  readonly #stream: (() => void)[] = [];
  readonly #transactions: Transaction[] = [];
  readonly #versions = new Map<string, { by: Transaction; value: number }[]>();
  #nextId = 100;
  #commits = 0;
  #unclear: Set<number> | null = null;
  chunksPublished = 0;

  constructor(mostKeys: number) {
    this.window = new ChangeWindow([relation], mostKeys);
  }

  begin(pick: number): void {
    const writes = this.keys.filter((key, at) => ((pick >> at) & 1) === 1 && !this.#isLocked(key));
    if (writes.length > 0) this.#transactions.push({ id: this.#nextId++, writes, state: 'running' });
  }

  commit(pick: number): void {
    const transaction = this.#some('running', pick);
    if (transaction === undefined) return;
    transaction.state = 'committed';
    const value = ++this.#commits;
    for (const key of transaction.writes) {
      this.#versions.set(key, [...(this.#versions.get(key) ?? []), { by: transaction, value }]);
    }
    this.#stream.push(() => {
      for (const key of transaction.writes) {
        this.window.changed(relation, Buffer.from(key), transaction.id);
        this.#append(key, value);
      }
    });
  }

  show(pick: number): void {
    const transaction = this.#some('committed', pick);
    if (transaction !== undefined) transaction.state = 'visible';
  }

  /** A transaction that is streamed at once, and shows itself later. */
  unseen(pick: number): void {
    const running = this.#transactions.length;
    this.begin(pick);
    if (this.#transactions.length > running) this.commit(this.#count('running') - 1);
    while (this.#stream.length > 0) this.receive();
  }

  whole(pick: number): void {
    this.unseen(pick);
    this.show(this.#count('committed') - 1);
  }

  /** The stream goes on by one. */
  receive(): void {
    this.#stream.shift()?.();
  }

  /** Settles as far as it can, then reads and commits a mark. */
  chunk(): void {
    const visibility = this.#snapshot();
    this.#unclear ??= new Set(visibility.running.map(Number));
    for (const id of this.#unclear) {
      const transaction = this.#transactions.find((other) => other.id === id);
      // Ended, seen to commit, or its session is idle in it.
      if (transaction?.state !== 'committed' || this.window.hasSeen(id)) this.#unclear.delete(id);
    }
    if (this.#unclear.size > 0) return;
    const rows = this.keys.flatMap((key) => {
      const seen = (this.#versions.get(key) ?? []).filter(({ by }) => visibility.sees(by.id));
      return seen.map(({ value }) => ({ key, value })).slice(-1);
    });
    this.#stream.push(() => {
      const isBlind = this.window.isBlind(relation, visibility);
      for (const { key, value } of isBlind ? [] : rows) {
        if (this.window.permits(relation, Buffer.from(key), visibility)) this.#append(key, value);
      }
      this.window.forget(visibility);
      if (!isBlind) this.chunksPublished++;
    });
  }

  finish(): void {
    for (let at = 0; at < 200; at++) {
      this.commit(0);
      this.show(0);
      this.receive();
    }
    this.chunk();
    this.chunk();
    while (this.#stream.length > 0) this.receive();
  }

  newest(key: string): number | undefined {
    return this.#versions.get(key)?.at(-1)?.value;
  }

  /** Takes the log away, as if a reader had lost it. */
  loseLog(): void {
    for (const [key, values] of this.log) this.lost.set(key, values.at(-1) ?? 0);
    this.log.clear();
  }

  #append(key: string, value: number): void {
    this.log.set(key, [...(this.log.get(key) ?? []), value]);
  }

  #snapshot(): Visibility {
    const running = this.#transactions.filter(({ state }) => state !== 'visible').map(({ id }) => id);
    return new Visibility(`${Math.min(this.#nextId, ...running)}:${this.#nextId}:${running.join(',')}`);
  }

  #isLocked(key: string): boolean {
    return this.#transactions.some(({ state, writes }) => state !== 'visible' && writes.includes(key));
  }

  #count(state: Transaction['state']): number {
    return this.#transactions.filter((transaction) => transaction.state === state).length;
  }

  #some(state: Transaction['state'], pick: number): Transaction | undefined {
    const found = this.#transactions.filter((transaction) => transaction.state === state);
    return found[Math.max(0, pick) % Math.max(1, found.length)];
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constant('begin' as const), pick: fc.integer({ min: 1, max: 7 }) }),
  fc.record({ do: fc.constantFrom('whole' as const, 'unseen' as const), pick: fc.integer({ min: 1, max: 7 }) }),
  fc.record({ do: fc.constant('commit' as const), pick: fc.nat(7) }),
  fc.record({ do: fc.constant('show' as const), pick: fc.nat(7) }),
  fc.record({ do: fc.constant('receive' as const), pick: fc.constant(0) }),
  fc.record({ do: fc.constant('chunk' as const), pick: fc.constant(0) }),
);

test('whatever commits, shows itself late and is streamed late: no older row after a newer, and every key ends as the table has it', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 20 }),
      fc.array(step, { maxLength: 30 }),
      fc.nat(3),
      (before, after, most) => {
        const world = new World(most + 1);
        // What was streamed before the window was opened is not in it.
        for (const { do: what, pick } of before) if (what !== 'chunk') world[what](pick);
        world.window.forget(new Visibility('1000:1000:'));
        world.loseLog();
        for (const { do: what, pick } of after) world[what](pick);
        world.finish();
        for (const key of world.keys) {
          const values = world.log.get(key) ?? [];
          expect(values).toEqual([...values].sort((a, b) => a - b));
          expect(values.at(-1)).toBe(world.newest(key));
          expect(values[0] ?? 0).toBeGreaterThanOrEqual(world.lost.get(key) ?? 0);
        }
        expect(world.chunksPublished).toBeGreaterThan(0);
      },
    ),
    { numRuns: 1_500 },
  );
});
