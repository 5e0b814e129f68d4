import { PlatformError } from '@millrace/kernel/errors';
import { lsnText } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import { sleep } from '@millrace/kernel/retry';
import type { Difference, DifferenceKind, Findings, Sides } from './comparison.ts';
import { firstPass, nextPass, nothing } from './passes.ts';
import type { PassOptions } from './passes.ts';
import { pinDatabase } from './pin.ts';
import type { PinnedDatabase } from './pin.ts';
import { Rounds } from './rounds.ts';
import { stalePositions } from './stale-positions.ts';
import type { Applied, StoreView } from './store-view.ts';

export interface ViewReport {
  readonly view: string;
  readonly store: string;
  readonly checked: number;
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
  /**
   * Neither right nor wrong: documents that changed faster than they could be compared, after all rounds, and where more than 50,000 were not right at
   * first, those beyond them.
   */
  readonly unsettled: number;
  /** The pinned position of the first round. */
  readonly position: string;
  readonly differences: readonly Difference[];
}

export interface VerifyOptions extends PassOptions {
  readonly databaseUrl: string;
  /** Of the capture whose positions the views have. */
  readonly slotName: string;
  /** How long a view may take to reach the pinned position. Default 60,000. */
  readonly waitMs?: number;
  /** Instead: how long it may stand still on its way there, however long that takes in all. */
  readonly stillMs?: number;
  /** Rounds for documents that keep changing. Default 8. */
  readonly rounds?: number;
  /** Most differences listed; all are counted. Default 100. */
  readonly listed?: number;
}

/** In this time an idle source still makes a step of every task: a change that reaches documents in the background goes on. */
const BACKGROUND_MS = 1500;

/** One view in one store, as `verifyStores` does it. Positions are compared between stores, so here they are not. */
export async function verifyView(view: StoreView, options: VerifyOptions): Promise<ViewReport> {
  const [report] = await verifyStores([view], options);
  if (report === undefined) throw new PlatformError('internal', 'a view was compared without a report');
  return report;
}

/**
 * Compares one view in its stores with the tables, while traffic goes on. Answers a report for each store.
 *
 * Each round pins the database at a position, waits until the view has applied it in every store, and compares: first everything, by digests over
 * ranges (`ranges.ts`), then what that could not call right, field by field. A document that a store holds at a later position than the pin has
 * moved on; it is compared again at a newer pin, as is everything that differs (`rounds.ts`). Prices also begin and end without a commit: documents
 * are compared as they should be at the stream time that the view has reached, which is waited for like the position. So lateness is never
 * reported, and a wrong document always is.
 *
 * Throws `view-behind` if the view does not reach the pin in time.
 */
export async function verifyStores(views: readonly StoreView[], options: VerifyOptions): Promise<ViewReport[]> {
  const states = views.map((view) => ({ view, rounds: new Rounds(options.rounds ?? 8) }));
  let stale = new Set<string>();
  let position: Lsn | undefined;
  for (let isFirst = true; isFirst || states.some(({ rounds }) => !rounds.isOver); isFirst = false) {
    const pin = await pinDatabase(options.databaseUrl, options.slotName);
    try {
      position ??= pin.lsn;
      const open = states.filter(({ rounds }) => isFirst || !rounds.isOver);
      const sides = await Promise.all(open.map(({ view }) => sidesOf(view, pin, options)));
      const passes = isFirst ? await firstPass(sides, options) : await nextPass(sides, open);
      const between = await stalePositions(views, pin, [...stale, ...passes.flatMap((pass) => [...pass.stale])]);
      stale = new Set(between.moved.keys());
      for (const [index, { view, rounds }] of open.entries()) {
        const { found, uncounted } = passes[index] ?? { found: nothing, uncounted: 0 };
        const behind = between.differences.get(view) ?? [];
        for (const { key } of behind) stale.add(key);
        const merged = withStale(found, behind, between.moved);
        if (isFirst) rounds.begin(merged, uncounted);
        else rounds.goOn(merged, pin.lsn);
      }
    } finally {
      await pin.close();
    }
    if (states.some(({ rounds }) => !rounds.isOver && rounds.differed)) await sleep(BACKGROUND_MS, options.signal);
  }
  return states.map(({ view, rounds }) => report(view, rounds, position ?? 0n, options.listed ?? 100));
}

async function sidesOf(view: StoreView, pin: PinnedDatabase, options: VerifyOptions): Promise<Sides> {
  const at = await reached(view, pin, options);
  return { view, pin, at, signal: options.signal };
}

/** A document whose fields differ too is told of once. */
function withStale(found: Findings, behind: readonly Difference[], moved: ReadonlyMap<string, Lsn>): Findings {
  const known = new Set(found.differences.map(({ key }) => key));
  return {
    ...found,
    differences: [...found.differences, ...behind.filter(({ key }) => !known.has(key))],
    moved: new Map([...moved, ...found.moved]),
  };
}

/** Waits until the view has the pin, in position and in time. Answers its time. */
async function reached(
  view: StoreView,
  { lsn, atMs }: PinnedDatabase,
  { waitMs = 60_000, stillMs, signal }: VerifyOptions,
): Promise<Date> {
  const patienceMs = stillMs ?? waitMs;
  let deadline = Date.now() + patienceMs;
  let before: Applied = { lsn: 0n, committedAtMs: 0 };
  for (;;) {
    const applied = await view.applied();
    const hasMoved = applied.lsn > before.lsn || applied.committedAtMs > before.committedAtMs;
    if (stillMs !== undefined && hasMoved) deadline = Date.now() + patienceMs;
    before = applied;
    if (applied.lsn >= lsn && applied.committedAtMs >= atMs) return new Date(applied.committedAtMs);
    if (Date.now() > deadline) {
      throw new PlatformError(
        'view-behind',
        `view ${view.view} in ${view.store} is at position ${lsnText(applied.lsn)} and did not ${stillMs === undefined ? 'reach' : 'move towards'} ${lsnText(lsn)} in ${patienceMs} ms; see \`millrace lag\``,
      );
    }
    await sleep(20, signal);
  }
}

function report(view: StoreView, rounds: Rounds, position: Lsn, listed: number): ViewReport {
  const differences = rounds.confirmed;
  const count = (kind: DifferenceKind) => differences.filter((difference) => difference.kind === kind).length;
  return {
    view: view.view,
    store: view.store,
    checked: rounds.checked,
    missing: count('missing'),
    extra: count('extra'),
    different: count('different'),
    unsettled: rounds.unsettled,
    position: lsnText(position),
    differences: differences.slice(0, listed),
  };
}
