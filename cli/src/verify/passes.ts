import { lsnFromText } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import { compareIds, compareSample } from './comparison.ts';
import type { Findings, Sides } from './comparison.ts';
import { compareRanges } from './ranges.ts';
import type { Rounds } from './rounds.ts';
import type { Sample } from './sample.ts';
import { Suspects } from './suspects.ts';

/** What is compared; everything where neither a sample nor ids are given. */
export interface PassOptions {
  /** Compares these documents alone; all by default. */
  readonly sample?: Sample | undefined;
  /** Rows of the tables in a range. Default 8,192: memory is bounded by two of them. */
  readonly rangeRows?: number | undefined;
  /** Compares the documents of these ids alone. */
  readonly only?: readonly string[] | undefined;
  /** Ends it: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What one pass found in one store. */
export interface Pass {
  readonly found: Findings;
  /** Documents that another store seemed to hold at a later position. */
  readonly stale: ReadonlySet<string>;
  /** Documents that differ and are not followed up. */
  readonly uncounted: number;
}

const none: ReadonlySet<string> = new Set();
export const nothing: Findings = { checked: 0, differences: [], moved: new Map() };

/** The first pass at a pin that the view has reached in each of these stores, a pass for each. */
export async function firstPass(sides: readonly Sides[], options: PassOptions): Promise<Pass[]> {
  const { only, sample } = options;
  if (only !== undefined) return each(sides, (side) => compareIds(side, only));
  if (sample !== undefined) return each(sides, (side) => compareSample(side, sample));
  return wholePass(sides, options);
}

/** A later pass, of what each store's rounds have not settled. */
export function nextPass(sides: readonly Sides[], open: readonly { readonly rounds: Rounds }[]): Promise<Pass[]> {
  return each(sides, (side, index) => compareIds(side, [...(open[index]?.rounds.suspects ?? [])]));
}

/** Everything by digests, and by fields what they do not show to be right. */
async function wholePass(sides: readonly Sides[], { signal, rangeRows }: PassOptions): Promise<Pass[]> {
  const [first] = sides;
  if (first === undefined) return [];
  // As of the earliest: what begins between the stores' times is compared by fields, at each store's own.
  const at = sides.reduce((earliest, side) => (side.at < earliest ? side.at : earliest), first.at);
  const views = sides.map(({ view }) => view);
  const suspects = await compareRanges({ views, pin: first.pin, at, signal, rows: rangeRows });
  const passes: Pass[] = [];
  for (const side of sides) {
    const { checked, differing, moved, stale, uncounted } = suspects.get(side.view) ?? new Suspects();
    const found = await compareIds(side, [...differing]);
    const later = new Map([...moved].map(([id, text]): [string, Lsn] => [id, lsnFromText(text)]));
    for (const [id, lsn] of found.moved) later.set(id, lsn);
    const all = checked + found.checked + moved.size + uncounted;
    passes.push({ found: { checked: all, differences: found.differences, moved: later }, stale, uncounted });
  }
  return passes;
}

async function each(
  sides: readonly Sides[],
  compare: (side: Sides, index: number) => Promise<Findings>,
): Promise<Pass[]> {
  const passes: Pass[] = [];
  for (const [index, side] of sides.entries()) {
    passes.push({ found: await compare(side, index), stale: none, uncounted: 0 });
  }
  return passes;
}
