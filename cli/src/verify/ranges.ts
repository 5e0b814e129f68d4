import { lsnText } from '@millrace/kernel/position';
import { expectedDigests, idRanges, unknownIds } from './expected/expected.ts';
import type { ExpectedDigests } from './expected/expected.ts';
import type { IdRange } from './expected/scopes.ts';
import type { PinnedDatabase } from './pin.ts';
import type { HeldDigest, StoreView } from './store-view.ts';
import { Suspects } from './suspects.ts';

/** Rows of the table in a range: memory is bounded by the ids and digests of two ranges, for Postgres and each store. */
const RANGE = 8_192;
/** Ids of a store that are looked up at a time. */
const ID_PAGE = 10_000;

export interface RangeSides {
  /** One view in its stores. */
  readonly views: readonly StoreView[];
  readonly pin: PinnedDatabase;
  /** A stream time that the view has reached in every store. */
  readonly at: Date;
  readonly signal?: AbortSignal | undefined;
  /** Rows of a range; another number in tests. */
  readonly rows?: number | undefined;
}

/**
 * Compares every document of a view in all its stores by digests, range by range in the order of ids. Postgres and ClickHouse make digests of their
 * own documents; those of Redis and the search index are made here. Answers the documents that must be compared by their fields: those whose digests
 * differ, that one side alone has, that a store holds at a later position than the pin, or at an earlier one than another store does.
 */
export async function compareRanges(sides: RangeSides): Promise<Map<StoreView, Suspects>> {
  const { views, pin, signal } = sides;
  const [first] = views;
  const suspects = new Map(views.map((view) => [view, new Suspects()]));
  if (first === undefined) return suspects;
  const suspectsOf = (view: StoreView): Suspects => suspects.get(view) ?? new Suspects();
  const pinned = lsnText(pin.lsn);
  const digested = digestedRanges(sides, await idRanges(pin.client, first.kind, sides.rows ?? RANGE));
  for await (const { range, expected } of digested) {
    signal?.throwIfAborted();
    const held = await Promise.all(
      views.map(async (view) => ({ view, digests: await view.digests(range, expected.ids), found: suspectsOf(view) })),
    );
    for (const { view, digests, found } of held) {
      compareRange(expected.ids, expected.digests.get(view.store) ?? [], digests, pinned, found);
    }
    compareBetween(expected.ids, held, pinned);
  }
  for (const view of views) if (!view.isRanged) await addUnknown(sides, view, suspectsOf(view));
  return suspects;
}

/** Postgres makes the next range's while the stores are asked for the last one's. */
async function* digestedRanges(
  { views, pin, at }: RangeSides,
  ranges: readonly IdRange[],
): AsyncGenerator<{ range: IdRange; expected: ExpectedDigests }> {
  const [first] = views;
  if (first === undefined) return;
  const stores = views.map(({ store }) => store);
  const ask = (range: IdRange | undefined) => {
    if (range === undefined) return null;
    const answer = expectedDigests(pin.client, first.kind, stores, range, at);
    // Awaited when its turn comes; what fails before must not count as unhandled.
    answer.catch(() => undefined);
    return answer;
  };
  let next = ask(ranges[0]);
  for (const [index, range] of ranges.entries()) {
    const expected = await next;
    next = ask(ranges[index + 1]);
    if (expected !== null) yield { range, expected };
  }
}

/** Both sides are in the order of ids. */
function compareRange(
  ids: readonly string[],
  digests: readonly (string | null)[],
  held: readonly HeldDigest[],
  pinned: string,
  found: Suspects,
): void {
  let at = 0;
  const passOver = (until: string | undefined): void => {
    for (let id = ids[at]; id !== undefined && (until === undefined || id < until); id = ids[++at]) {
      if (digests[at] !== null) found.addDiffering(id);
    }
  };
  for (const { id, position, digest } of held) {
    passOver(id);
    const should = ids[at] === id ? digests[at++] : null;
    if (position > pinned) found.addMoved(id, position);
    else if (should === digest) found.checked++;
    else found.addDiffering(id);
  }
  passOver(undefined);
}

/** What the store has and the tables have not, where it could not be asked by ranges. */
async function addUnknown({ pin, signal }: RangeSides, view: StoreView, found: Suspects): Promise<void> {
  let page: string[] = [];
  const look = async (): Promise<void> => {
    signal?.throwIfAborted();
    for (const id of await unknownIds(pin.client, view.kind, page)) found.addDiffering(id);
    page = [];
  };
  for await (const ids of view.ids()) {
    page.push(...ids);
    if (page.length >= ID_PAGE) await look();
  }
  await look();
}

/**
 * Adds the documents that one store holds at an earlier position than another: all stores of a view are fed the same entries, so an earlier one was
 * passed over, even where it says the same. What any store holds past the pin is left out.
 */
function compareBetween(
  ids: readonly string[],
  held: readonly { readonly digests: readonly HeldDigest[]; readonly found: Suspects }[],
  pinned: string,
): void {
  const sides = held.map(({ digests, found }) => ({ positions: positionsOf(ids, digests), found }));
  for (const [index, id] of ids.entries()) {
    let newest = '';
    for (const { positions } of sides) {
      const position = positions[index] ?? '';
      if (position > newest) newest = position;
    }
    if (newest > pinned) continue;
    for (const { positions, found } of sides) {
      const position = positions[index];
      if (position !== undefined && position < newest) found.addStale(id);
    }
  }
}

/** In the order of the ids. */
function positionsOf(ids: readonly string[], digests: readonly HeldDigest[]): (string | undefined)[] {
  let at = 0;
  return ids.map((id) => {
    while (at < digests.length && (digests[at]?.id ?? '') < id) at++;
    return digests[at]?.id === id ? digests[at]?.position : undefined;
  });
}
