import type { ViewEntry } from '@millrace/schemas/views';
import type { SinkBatch } from './sink.ts';

/**
 * The newest entry of each key over all batches, in the order of their first occurrence. Stores need no more: earlier states of a
 * key inside one write would be overwritten at once.
 */
export function newestEntries(batches: readonly SinkBatch[]): ViewEntry[] {
  const newest = new Map<string, ViewEntry>();
  for (const { entries } of batches) {
    for (const entry of entries) {
      const key = `${entry.kind}:${entry.id}`;
      const known = newest.get(key);
      if (known === undefined || entry.lsn >= known.lsn) newest.set(key, entry);
    }
  }
  return [...newest.values()];
}

/** Whether the entry is of this kind, for the type checker's sake too. */
export function isKind<K extends ViewEntry['kind']>(entry: ViewEntry, kind: K): entry is ViewEntry<K> {
  return entry.kind === kind;
}
