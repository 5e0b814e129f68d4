import { lsnText } from '@millrace/kernel/position';
import type { CliConfig } from '../config/index.ts';
import type { StoreClients } from './store-clients.ts';
import { clickhouseMarks, redisMarks, searchMarks } from './watermarks.ts';
import type { StoreMark } from './watermarks.ts';

/** How far one partition of a view in one store is. */
export interface Lag {
  readonly view: string;
  readonly store: string;
  readonly partition: number;
  readonly position: string;
  readonly committedAt: string;
  /**
   * Now − commit time of the applied position; null before the first commit. An idle source still commits each second, so this is near 1 s
   * at rest.
   */
  readonly ageMs: number | null;
  /** Commit time of the newest position that any view has applied − this one's. */
  readonly behindMs: number | null;
}

/** The freshness of every view, from the positions that the stores themselves hold. */
export async function readLag(clients: StoreClients, config: CliConfig, nowMs: number): Promise<Lag[]> {
  const marks = (
    await Promise.all([redisMarks(clients, config), searchMarks(clients, config), clickhouseMarks(clients)])
  ).flat();
  return lagOf(marks, nowMs);
}

/** Pure. */
export function lagOf(marks: readonly StoreMark[], nowMs: number): Lag[] {
  const newest = Math.max(0, ...marks.map((mark) => mark.committedAtMs));
  return marks
    .toSorted((a, b) => a.view.localeCompare(b.view) || a.store.localeCompare(b.store) || a.partition - b.partition)
    .map((mark) => ({
      view: mark.view,
      store: mark.store,
      partition: mark.partition,
      position: lsnText(mark.lsn),
      committedAt: new Date(mark.committedAtMs).toISOString(),
      ageMs: mark.committedAtMs === 0 ? null : Math.max(0, nowMs - mark.committedAtMs),
      behindMs: mark.committedAtMs === 0 ? null : newest - mark.committedAtMs,
    }));
}

/** The largest age per view and store, ms; null where a partition has no commit yet. */
export function worstAges(lags: readonly Lag[]): Map<string, number | null> {
  const worst = new Map<string, number | null>();
  for (const { view, store, ageMs } of lags) {
    const name = `${view}@${store}`;
    const known = worst.get(name);
    worst.set(name, known === undefined ? ageMs : older(known, ageMs));
  }
  return worst;
}

/** Null is older than any age. */
export function older(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.max(a, b);
}
