import { PlatformError } from '@millrace/kernel/errors';
import { lsnText } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import { sleep } from '@millrace/kernel/retry';
import { compareAll, compareIds } from './comparison.ts';
import type { Difference, DifferenceKind } from './comparison.ts';
import { pinDatabase } from './pin.ts';
import type { PinnedDatabase } from './pin.ts';
import type { Sample } from './sample.ts';
import type { StoreView } from './store-view.ts';

export interface ViewReport {
  readonly view: string;
  readonly store: string;
  readonly checked: number;
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
  /** Documents that changed faster than they could be compared, after all rounds: neither right nor wrong. */
  readonly unsettled: number;
  /** The pinned position of the first round. */
  readonly position: string;
  readonly differences: readonly Difference[];
}

export interface VerifyOptions {
  readonly databaseUrl: string;
  /** Of the capture whose positions the views have. */
  readonly slotName: string;
  /** How long a view may take to reach the pinned position. Default 60,000. */
  readonly waitMs?: number;
  /** Rounds for documents that keep changing. Default 8. */
  readonly rounds?: number;
  /** Most differences listed; all are counted. Default 100. */
  readonly listed?: number;
  /** Compares these documents alone; all by default. */
  readonly sample?: Sample | undefined;
  /** Compares the documents of these ids alone. */
  readonly only?: readonly string[] | undefined;
  /** Ends it: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** In this time an idle source still makes a step of every task: a change that reaches documents in the background goes on. */
const BACKGROUND_MS = 1500;

/**
 * Compares one view in one store with the tables, row by row, while traffic goes on.
 *
 * Each round pins the database at a position, waits until the view has applied it, and compares. A document that the store holds at a later
 * position than the pin has moved on; it is compared again at a newer pin. Prices also begin and end without a commit: they are compared as
 * they should be at the stream time that the view has reached, which is waited for like the position. A difference is reported only if it is
 * there at two pins in a row, and between them none of the others went away: a change of reference data reaches many documents in the
 * background, and while it does their number falls. So lateness is never reported, a wrong document always is.
 *
 * Throws `view-behind` if the view does not reach the pin in time.
 */
export async function verifyView(view: StoreView, options: VerifyOptions): Promise<ViewReport> {
  const { only, sample, signal } = options;
  let suspects = new Set<string>();
  let differedBefore = new Set<string>();
  let checked = 0;
  let position: Lsn | undefined;
  const confirmed = new Map<string, Difference>();
  const rounds = options.rounds ?? 8;
  for (let round = 1; round <= rounds && (round === 1 || suspects.size > 0); round++) {
    const pin = await pinDatabase(options.databaseUrl, options.slotName);
    try {
      position ??= pin.lsn;
      const sides = { view, pin, at: await reached(view, pin, options.waitMs ?? 60_000, signal), signal };
      const found =
        round > 1 || only !== undefined
          ? await compareIds(sides, round > 1 ? [...suspects] : (only ?? []))
          : await compareAll(sides, sample);
      checked = round === 1 ? found.checked : checked;
      suspects = new Set(found.moved);
      const fewer = found.differences.length < differedBefore.size;
      const open = new Set<string>();
      for (const difference of found.differences) {
        if (differedBefore.has(difference.key) && !fewer) confirmed.set(difference.key, difference);
        else open.add(difference.key);
      }
      for (const key of open) suspects.add(key);
      differedBefore = open;
      if (fewer) round--;
    } finally {
      await pin.close();
    }
    if (differedBefore.size > 0) await sleep(BACKGROUND_MS, signal);
  }
  return report(view, checked, position ?? 0n, [...confirmed.values()], suspects.size, options.listed ?? 100);
}

/** Waits until the view has the pin, in position and in time. Answers its time. */
async function reached(
  view: StoreView,
  { lsn, atMs }: PinnedDatabase,
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<Date> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const applied = await view.applied();
    if (applied.lsn >= lsn && applied.committedAtMs >= atMs) return new Date(applied.committedAtMs);
    if (Date.now() > deadline) {
      throw new PlatformError(
        'view-behind',
        `view ${view.view} in ${view.store} is at position ${lsnText(applied.lsn)} and did not reach ${lsnText(lsn)} in ${waitMs} ms; see \`millrace lag\``,
      );
    }
    await sleep(20, signal);
  }
}

function report(
  view: StoreView,
  checked: number,
  position: Lsn,
  differences: readonly Difference[],
  unsettled: number,
  listed: number,
): ViewReport {
  const count = (kind: DifferenceKind) => differences.filter((difference) => difference.kind === kind).length;
  return {
    view: view.view,
    store: view.store,
    checked,
    missing: count('missing'),
    extra: count('extra'),
    different: count('different'),
    unsettled,
    position: lsnText(position),
    differences: differences.slice(0, listed),
  };
}
