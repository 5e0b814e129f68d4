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
  /** Now − commit time of the applied position. An idle source still commits each second, so this is near 1 s at rest. */
  readonly ageMs: number;
  /** Commit time of the newest position that any view has applied − this one's. */
  readonly behindMs: number;
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
      ageMs: Math.max(0, nowMs - mark.committedAtMs),
      behindMs: newest - mark.committedAtMs,
    }));
}

/** The worst age of each view and store: what a live line shows. */
export function worstAges(lags: readonly Lag[]): Map<string, number> {
  const worst = new Map<string, number>();
  for (const { view, store, ageMs } of lags) {
    const name = `${view}@${store}`;
    worst.set(name, Math.max(worst.get(name) ?? 0, ageMs));
  }
  return worst;
}
