import type { ViewName } from '@millrace/schemas/stores';
import type { Pace } from '../runner/index.ts';
import type { GenerationRows } from '@millrace/schemas/generations';
import { generationsOf } from '@millrace/schemas/generations';

/** A view that readers use may be this old before a filling waits for it, ms: an idle source commits each second. */
export const LATE_MS = 3_000;
const HOLD_MS = 200;

/**
 * How a sink that fills a generation holds itself back: to the rate that the row of `view_generations` names, and altogether while a view
 * that readers use in the same store is late. One that fills nothing is not held back.
 */
export function fillingPace(
  view: ViewName,
  generation: number,
  rows: () => GenerationRows,
  servedAgeMs: () => number | null,
): Pace {
  return {
    restMs(entries) {
      const { building, rate } = generationsOf(rows(), view);
      if (building !== generation) return 0;
      const owed = rate === null ? 0 : (entries * 1000) / rate;
      return (servedAgeMs() ?? 0) > LATE_MS ? Math.max(owed, HOLD_MS) : owed;
    },
  };
}
