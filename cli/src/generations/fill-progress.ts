import type { Lsn } from '@millrace/kernel/position';
import type { StoreMark, StoreName } from '../lag/index.ts';

/** How far a store is in filling a generation, in records of the view's topic. */
export interface StoreFill {
  readonly store: StoreName;
  readonly records: number;
  readonly of: number;
  /** Everything that readers saw when it was asked before is in the new generation too. */
  readonly isCaughtUp: boolean;
}

/**
 * Compares the marks of the generation that is filled with those of the active one. `activeBefore` were read before `building`: a generation
 * that has passed those cannot fall behind what readers have seen. `past`: a position that it has to have passed besides.
 */
export function fillOf(
  stores: readonly StoreName[],
  activeBefore: readonly StoreMark[],
  building: readonly StoreMark[],
  past: Lsn = 0n,
): StoreFill[] {
  return stores.map((store) => {
    const goals = activeBefore.filter((mark) => mark.store === store);
    const done = new Map(building.filter((mark) => mark.store === store).map((mark) => [mark.partition, mark]));
    let records = 0;
    let of = 0;
    for (const { partition, offset } of goals) {
      of += Number(offset);
      records += Math.min(Number(offset), Number(done.get(partition)?.offset ?? 0n));
    }
    const isCaughtUp =
      goals.length > 0 &&
      goals.every(({ partition, lsn }) => (done.get(partition)?.lsn ?? -1n) >= (lsn > past ? lsn : past));
    return { store, records, of, isCaughtUp };
  });
}

/** Seconds to go at the speed so far; null before any is known. */
export function etaSeconds(
  fills: readonly StoreFill[],
  atStart: readonly StoreFill[],
  elapsedMs: number,
): number | null {
  let worst: number | null = null;
  for (const { store, records, of } of fills) {
    const before = atStart.find((fill) => fill.store === store)?.records ?? 0;
    const perMs = (records - before) / Math.max(1, elapsedMs);
    if (records >= of) continue;
    if (perMs <= 0) return null;
    worst = Math.max(worst ?? 0, (of - records) / perMs / 1000);
  }
  return worst === null ? 0 : Math.ceil(worst);
}
