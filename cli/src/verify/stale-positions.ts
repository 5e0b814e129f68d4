import { lsnText } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import type { Difference } from './comparison.ts';
import type { PinnedDatabase } from './pin.ts';
import type { HeldDocument, StoreView } from './store-view.ts';

const PAGE = 500;

/** What the stores disagree about, of some documents. */
export interface Staleness {
  /** By store: documents that it holds at an earlier position than another store does. */
  readonly differences: ReadonlyMap<StoreView, readonly Difference[]>;
  /** Documents that cannot be told yet, since a store holds them past the pin: at 0, for it may not be the one that is asked about. */
  readonly moved: ReadonlyMap<string, Lsn>;
}

/**
 * Compares the positions at which the stores of a view hold these documents: all are fed the same entries, so an earlier one was passed over, even
 * where it says the same. Finds nothing where the stores show different generations, whose entries may have been made anew.
 */
export async function stalePositions(
  views: readonly StoreView[],
  pin: PinnedDatabase,
  ids: readonly string[],
): Promise<Staleness> {
  const differences = new Map<StoreView, Difference[]>();
  const moved = new Map<string, Lsn>();
  if (ids.length === 0) return { differences, moved };
  const generations = await Promise.all(views.map((view) => view.generation()));
  if (new Set(generations).size > 1) return { differences, moved };
  for (let start = 0; start < ids.length; start += PAGE) {
    const page = ids.slice(start, start + PAGE);
    const held = await Promise.all(views.map(async (view) => ({ view, documents: await view.fetch(page) })));
    for (const id of page) {
      const newest = newestOf(held.map(({ documents }) => documents.get(id)));
      if (newest > pin.lsn) {
        moved.set(id, 0n);
        continue;
      }
      for (const { view, documents } of held) {
        const position = documents.get(id)?.position;
        if (position === undefined || position >= newest) continue;
        differences.set(view, [...(differences.get(view) ?? []), behind(id, position, newest)]);
      }
    }
  }
  return { differences, moved };
}

function newestOf(documents: readonly (HeldDocument | undefined)[]): Lsn {
  return documents.reduce<Lsn>(
    (newest, held) => (held !== undefined && held.position > newest ? held.position : newest),
    0n,
  );
}

function behind(key: string, position: Lsn, newest: Lsn): Difference {
  const [expected, actual] = [lsnText(newest), lsnText(position)];
  return { key, kind: 'different', fields: [{ field: 'position', expected, actual }], position: actual };
}
