import { lsnText } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import { differingFields } from './compare.ts';
import type { FieldDifference } from './compare.ts';
import { expectedDocuments, expectedIds, forgetsRows, unknownIds } from './expected/expected.ts';
import type { PinnedDatabase } from './pin.ts';
import { sampledPages } from './sample.ts';
import type { Sample } from './sample.ts';
import type { StoreView } from './store-view.ts';

export type DifferenceKind = 'missing' | 'extra' | 'different';

export interface Difference {
  readonly key: string;
  readonly kind: DifferenceKind;
  readonly fields: readonly FieldDifference[];
  /** Position of the store's document, where there is one. */
  readonly position: string | null;
}

/** What one pass at one pin found. */
export interface Findings {
  readonly checked: number;
  readonly differences: readonly Difference[];
  /** Positions by id, of documents that the store holds at a later one than the pin: they cannot be judged by it. */
  readonly moved: ReadonlyMap<string, Lsn>;
}

/** A view in a store beside the tables at a pin. */
export interface Sides {
  readonly view: StoreView;
  readonly pin: PinnedDatabase;
  /** Stream time that the view has reached. */
  readonly at: Date;
  readonly signal?: AbortSignal | undefined;
}

/** Documents compared at a time: memory is bounded by two such pages of both sides, and by what differs. */
const PAGE = 500;
/** Ids read at a time. */
const ID_PAGE = 5_000;

/** Compares the documents of a sample, page by page. */
export async function compareSample(sides: Sides, sample: Sample): Promise<Findings> {
  const { view, pin, signal } = sides;
  const found = new Found();
  // The tables make a page while the one before it is still being fetched from the store.
  let previous = Promise.resolve<Findings>(new Found());
  for await (const ids of sampledPages(expectedIds(pin.client, view.kind, ID_PAGE), sample, PAGE)) {
    signal?.throwIfAborted();
    const page = comparePage(sides, ids);
    // Awaited after its predecessor, whose failure may end this before.
    page.catch(() => undefined);
    found.add(await previous);
    previous = page;
  }
  found.add(await previous);
  for await (const ids of sampledPages(view.ids(), sample, ID_PAGE)) {
    signal?.throwIfAborted();
    found.add(await compareIds(sides, await unknownIds(pin.client, view.kind, ids)));
  }
  return found;
}

/** Compares these documents. */
export async function compareIds(sides: Sides, ids: readonly string[]): Promise<Findings> {
  const found = new Found();
  for (let start = 0; start < ids.length; start += PAGE) {
    sides.signal?.throwIfAborted();
    found.add(await comparePage(sides, ids.slice(start, start + PAGE)));
  }
  return found;
}

class Found implements Findings {
  checked = 0;
  readonly differences: Difference[] = [];
  readonly moved = new Map<string, Lsn>();

  add({ checked, differences, moved }: Findings): void {
    this.checked += checked;
    this.differences.push(...differences);
    for (const [id, position] of moved) this.moved.set(id, position);
  }
}

async function comparePage({ view, pin, at }: Sides, ids: readonly string[]): Promise<Findings> {
  const [expected, held] = await Promise.all([expectedDocuments(pin.client, view.kind, ids, at), view.fetch(ids)]);
  let checked = 0;
  const differences: Difference[] = [];
  const moved = new Map<string, Lsn>();
  for (const id of ids) {
    const document = expected.get(id);
    const should = document === undefined ? undefined : (view.expected(document) ?? undefined);
    const is = held.get(id);
    // What the tables have forgotten, maybe since it was looked at first, says nothing of what a store keeps.
    if (should === undefined && (is === undefined || forgetsRows(view.kind))) continue;
    checked++;
    const fields =
      should === undefined || is === undefined
        ? []
        : differingFields(should, view.comparable?.(should, is.document) ?? is.document);
    if (should !== undefined && is !== undefined && fields.length === 0) continue;
    if (is !== undefined && is.position > pin.lsn) {
      moved.set(id, is.position);
      continue;
    }
    differences.push({
      key: id,
      kind: should === undefined ? 'extra' : is === undefined ? 'missing' : 'different',
      fields,
      position: is === undefined ? null : lsnText(is.position),
    });
  }
  return { checked, differences, moved };
}
