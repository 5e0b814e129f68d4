import { isKind } from '@millrace/kernel/errors';
import { rangesOf, storedRecords } from '@millrace/kernel/log';
import type { LogClient } from '@millrace/kernel/log';
import type { Lsn } from '@millrace/kernel/position';
import { isOwnKey } from '@millrace/schemas/markers';
import { isInScope } from '@millrace/schemas/views';
import type { ReplayScope, ViewCodec, ViewEntry } from '@millrace/schemas/views';
import { comparableDocument, differingFields } from '../verify/index.ts';
import type { StoreView } from '../verify/index.ts';

/** What a replay would change in one store. */
export interface StorePreview {
  readonly store: string;
  readonly kind: string;
  /** Entries that were compared; of other kinds the store is given entries as well. */
  readonly entries: number;
  /** Documents by what is wrong with them: not there, of an earlier state, not what the log says at this position, or there though deleted. */
  readonly missing: number;
  readonly older: number;
  readonly different: number;
  readonly deleted: number;
  /** The first of those that would change. */
  readonly ids: readonly string[];
}

const PAGE = 500;
const MOST_IDS = 20;

/**
 * What the stores would be changed by, page by page in bounded memory. Entries above what a store says it has applied are left out: they come
 * anyway. Changes nothing.
 */
export async function previewReplay(
  entries: AsyncIterable<ViewEntry>,
  stores: readonly StoreView[],
  scope: ReplayScope,
): Promise<StorePreview[]> {
  const sides = await Promise.all(
    stores.map(async (view) => ({ view, applied: (await view.applied()).lsn, found: new Counts() })),
  );
  const compare = async (page: readonly ViewEntry[]): Promise<void> => {
    for (const { view, applied, found } of sides) {
      const its = newest(page.filter(({ kind, lsn }) => kind === view.kind && lsn <= applied));
      if (its.length > 0) await found.add(view, its);
    }
  };
  let page: ViewEntry[] = [];
  for await (const entry of entries) {
    if (!isInScope(scope, entry)) continue;
    page.push(entry);
    if (page.length < PAGE) continue;
    await compare(page);
    page = [];
  }
  await compare(page);
  return sides.map(({ view, found }) => ({ store: view.store, kind: view.kind, ...found.result() }));
}

/**
 * The entries that a view's log holds now. A tombstone without its delete record names nothing to compare: it is left out. Records that no version
 * of our schemas reads have a dead letter: they are told to `unreadable`.
 */
export async function* entriesOf(
  log: LogClient,
  topic: string,
  codec: ViewCodec,
  unreadable: () => void,
): AsyncGenerator<ViewEntry> {
  for await (const { record } of storedRecords(log, await rangesOf(log, topic))) {
    const { key, value } = record;
    if (value === null || isOwnKey(key)) continue;
    const entry = await decoded(codec, key, value);
    if (entry === null) unreadable();
    else yield entry;
  }
}

/** Null where nobody can read it. */
async function decoded(codec: ViewCodec, key: Buffer | null, value: Buffer): Promise<ViewEntry | null> {
  try {
    await codec.prepare(value);
    return codec.decode(key, value);
  } catch (error) {
    // The registry's silence says nothing about the record.
    if (isKind(error, 'record-malformed') || isKind(error, 'schema-unknown')) return null;
    throw error;
  }
}

function newest(page: readonly ViewEntry[]): ViewEntry[] {
  return [...new Map(page.map((entry) => [entry.id, entry])).values()];
}

class Counts {
  #entries = 0;
  readonly #changes = { missing: 0, older: 0, different: 0, deleted: 0 };
  readonly #ids: string[] = [];

  async add(view: StoreView, entries: readonly ViewEntry[]): Promise<void> {
    const held = await view.fetch(entries.map(({ id }) => id));
    for (const entry of entries) {
      this.#entries++;
      const change = changeOf(view, entry, held.get(entry.id));
      if (change === null) continue;
      this.#changes[change]++;
      if (this.#ids.length < MOST_IDS) this.#ids.push(entry.id);
    }
  }

  result() {
    return { entries: this.#entries, ...this.#changes, ids: this.#ids };
  }
}

function changeOf(
  view: StoreView,
  entry: ViewEntry,
  held: { readonly position: Lsn; readonly document: Record<string, unknown> } | undefined,
): 'missing' | 'older' | 'different' | 'deleted' | null {
  if (held !== undefined && held.position > entry.lsn) return null;
  if (entry.data === null) return held === undefined ? null : 'deleted';
  const document = comparableDocument(entry);
  const expected = document === null ? null : view.expected(document);
  if (expected === null) return null;
  if (held === undefined) return 'missing';
  if (held.position < entry.lsn) return 'older';
  return differingFields(expected, held.document).length > 0 ? 'different' : null;
}
