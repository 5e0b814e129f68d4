import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createTestDatabase } from '@millrace/database/testing';
import { Releasers } from '@millrace/kernel/lifecycle';
import { lsnText } from '@millrace/kernel/position';
import pg from 'pg';
import { seedShop } from '../shop/index.ts';
import { digestOf } from './digest.ts';
import { expectedDocuments, expectedIds } from './expected/expected.ts';
import { pinDatabase } from './pin.ts';
import type { PinnedDatabase } from './pin.ts';
import { compareRanges } from './ranges.ts';
import type { StoreView } from './store-view.ts';
import { Suspects } from './suspects.ts';

const MINUTE = 60_000;
const ORDERS = 50;
const releasers = new Releasers();

let pin: PinnedDatabase;
let documents: Map<string, string>;
let ids: string[];

beforeAll(async () => {
  const database = await createTestDatabase();
  releasers.push('database', () => database.drop());
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  await seedShop(pool, { products: 10, orders: ORDERS, seed: 'ranges' });
  await pool.end();
  pin = await pinDatabase(database.url, 'none');
  releasers.push('pin', () => pin.close());
  ids = [];
  for await (const page of expectedIds(pin.client, 'order')) ids.push(...page);
  const found = await expectedDocuments(pin.client, 'order', ids, new Date());
  documents = new Map([...found].map(([id, document]) => [id, JSON.stringify(document)]));
}, MINUTE);

afterAll(() => releasers.release(), MINUTE);

interface Held {
  readonly text: string;
  readonly position: bigint;
}

/** A store in memory that has every order at position 1, but for what is changed in it. */
function storeOf(isRanged: boolean, change: (held: Map<string, Held>) => void): StoreView {
  const held = new Map([...documents].map(([id, text]): [string, Held] => [id, { text, position: 1n }]));
  change(held);
  const sorted = [...held].toSorted(([left], [right]) => (left < right ? -1 : 1));
  return {
    ...{ view: 'orders', store: 'redis', kind: 'order', isRanged },
    applied: () => Promise.resolve({ lsn: pin.lsn, committedAtMs: 0 }),
    generation: () => Promise.resolve(1),
    fetch: () => Promise.reject(new Error('digests are enough')),
    expected: (document) => document,
    digests: ({ after, upTo }, wanted) =>
      Promise.resolve(
        sorted
          .filter(([id]) => (isRanged ? id > (after ?? '') && id <= (upTo ?? '~') : wanted.includes(id)))
          .map(([id, { text, position }]) => ({ id, position: lsnText(position), digest: digestOf(text) })),
      ),
    async *ids() {
      yield* await Promise.resolve([sorted.map(([id]) => id)]);
    },
  };
}

const told = ({ checked, differing, moved, stale }: Suspects) => ({
  checked,
  differing: [...differing].toSorted(),
  moved: [...moved.keys()],
  stale: [...stale],
});
const compare = async (rows: number, ...views: StoreView[]) =>
  [...(await compareRanges({ views, pin, at: new Date(), rows })).values()].map(told);
const clean = { checked: ORDERS, differing: [], moved: [], stale: [] };

test.each([1, 7, 25, 50, 51])('stores that hold everything have no suspects, with %d rows in a range', async (rows) => {
  expect(
    await compare(
      rows,
      storeOf(true, () => undefined),
      storeOf(false, () => undefined),
    ),
  ).toEqual([clean, clean]);
});

test.each([true, false])(
  'every kind of difference is found, in whichever range (asked by ranges: %s)',
  async (isRanged) => {
    const at = (index: number): string => ids[index] ?? '';
    const extra = ['00000000-0000-7000-8000-000000000000', 'ffffffff-0000-7000-8000-000000000000', 'no-id-of-ours'];
    const store = storeOf(isRanged, (held) => {
      const change = (id: string, part: Partial<Held>): void => {
        const before = held.get(id);
        if (before !== undefined) held.set(id, { ...before, ...part });
      };
      for (const index of [0, 9, 10, ORDERS - 1]) held.delete(at(index));
      change(at(20), { text: (documents.get(at(20)) ?? '').replace('USD', 'EUR') });
      change(at(21), { position: pin.lsn + 1n });
      change(at(22), { position: 0n });
      for (const id of extra) held.set(id, { text: documents.get(at(1)) ?? '', position: 1n });
    });
    const [found, other] = await compare(
      10,
      store,
      storeOf(true, () => undefined),
    );
    expect(found).toEqual({
      checked: ORDERS - 6,
      differing: [at(0), at(9), at(10), at(20), at(ORDERS - 1), ...extra].toSorted(),
      moved: [at(21)],
      stale: [at(22)],
    });
    expect(other).toEqual(clean);
  },
);

test('suspects beyond the most that are followed up are counted', () => {
  const suspects = new Suspects(2);
  for (const id of ['a', 'b', 'c', 'd']) suspects.addDiffering(id);
  expect([[...suspects.differing], suspects.uncounted]).toEqual([['a', 'b'], 2]);
});
