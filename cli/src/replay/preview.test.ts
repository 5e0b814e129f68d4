import { expect, test } from '@jest/globals';
import { exampleStock } from '@millrace/schemas/testing';
import { isInScope } from '@millrace/schemas/views';
import type { ReplayScope, ViewEntry } from '@millrace/schemas/views';
import { comparableDocument } from '../verify/index.ts';
import type { StoreView } from '../verify/index.ts';
import { previewReplay } from './preview.ts';

const everything: ReplayScope = { fromLsn: null, sinceMs: null, aggregates: null, tenant: null };
const entry = (id: string, lsn: bigint, onHand: number | null, tenantId = 'a'): ViewEntry<'stock'> => ({
  ...{ kind: 'stock', id, lsn, tsUs: Number(lsn) * 1000 },
  data: onHand === null ? null : exampleStock({ productId: id, tenantId, onHand }),
});

/** A store that has applied up to 100 and holds these. */
function storeOf(held: readonly ViewEntry<'stock'>[]): StoreView {
  const documents = new Map(
    held.map((one) => [one.id, { position: one.lsn, document: comparableDocument(one) ?? {} }] as const),
  );
  return {
    ...{ view: 'inventory', store: 'redis', kind: 'stock', isRanged: false },
    generation: () => Promise.resolve(1),
    digests: () => Promise.resolve([]),
    applied: () => Promise.resolve({ lsn: 100n, committedAtMs: 0 }),
    fetch: (ids) => Promise.resolve(new Map([...documents].filter(([id]) => ids.includes(id)))),
    ids: () => {
      throw new Error('a preview asks for documents that are named');
    },
    expected: (document) => document,
  };
}

// eslint-disable-next-line @typescript-eslint/require-await -- a log in memory
async function* logOf(...entries: readonly ViewEntry[]) {
  yield* entries;
}

test('each kind of change is counted, and what the store holds newer or as it should be is none', async () => {
  const log = logOf(
    entry('right', 1n, 5),
    entry('missing', 2n, 5),
    entry('older', 3n, 4),
    entry('older', 4n, 5),
    entry('damaged', 5n, 5),
    entry('newer', 6n, 5),
    entry('deleted', 7n, null),
    entry('gone', 8n, null),
    entry('on-its-way', 101n, 5),
  );
  const store = storeOf([
    entry('right', 1n, 5),
    entry('older', 3n, 4),
    entry('damaged', 5n, 777),
    entry('newer', 60n, 9),
    entry('deleted', 1n, 5),
  ]);
  expect(await previewReplay(log, [store], everything)).toEqual([
    {
      ...{ store: 'redis', kind: 'stock', entries: 7, missing: 1, older: 1, different: 1, deleted: 1 },
      ids: ['missing', 'older', 'damaged', 'deleted'],
    },
  ]);
});

test('more than a page is compared page by page', async () => {
  const many = Array.from({ length: 1_200 }, (_, i) => entry(`p${i}`, BigInt(i % 90), 1));
  const [found] = await previewReplay(logOf(...many), [storeOf(many.slice(0, 1_000))], everything);
  expect(found).toMatchObject({ entries: 1_200, missing: 200, older: 0, different: 0 });
  expect(found?.ids.length).toBe(20);
});

test('what is meant is meant by position, time, aggregate and tenant alike', () => {
  const meant = (scope: Partial<ReplayScope>, one = entry('p1/x', 30n, 1)) =>
    isInScope({ ...everything, ...scope }, one);
  expect([meant({ fromLsn: 30n }), meant({ fromLsn: 31n })]).toEqual([true, false]);
  expect([meant({ sinceMs: 30 }), meant({ sinceMs: 31 })]).toEqual([true, false]);
  expect([meant({ aggregates: new Set(['p1']) }), meant({ aggregates: new Set(['p1/x']) })]).toEqual([true, false]);
  expect([meant({ tenant: 'a' }), meant({ tenant: 'b' })]).toEqual([true, false]);
  expect(meant({ tenant: 'b' }, entry('p1', 30n, null))).toBe(true);
});
