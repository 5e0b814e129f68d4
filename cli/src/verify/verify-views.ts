import type { StoreView } from './store-view.ts';
import { verifyStores } from './verify.ts';
import type { VerifyOptions, ViewReport } from './verify.ts';

/** Views that are compared beside each other: while one waits for Postgres, another's documents are looked at. */
const AT_ONCE = 2;
/** These take longest, and begin first. */
const LONGEST = ['orders', 'sales'];

/**
 * Compares views in their stores, each as `verifyStores` does it, at a pin of its own. Answers the reports in the order of the views.
 * Where one cannot be compared the others are ended, and its error is thrown.
 */
export async function verifyViews(views: readonly StoreView[], options: VerifyOptions): Promise<ViewReport[]> {
  const names = [...new Set(views.map(({ view }) => view))];
  const open = names.toSorted((left, right) => place(left) - place(right));
  const reports = new Map<string, readonly ViewReport[]>();
  const failed = new AbortController();
  const signal = options.signal === undefined ? failed.signal : AbortSignal.any([failed.signal, options.signal]);
  const compareOpen = async (): Promise<void> => {
    for (let name = open.shift(); name !== undefined; name = open.shift()) {
      signal.throwIfAborted();
      const inStores = views.filter(({ view }) => view === name);
      reports.set(name, await verifyStores(inStores, { ...options, signal }));
    }
  };
  const comparing = Array.from({ length: AT_ONCE }, () =>
    compareOpen().catch((error: unknown) => {
      failed.abort(error);
    }),
  );
  await Promise.all(comparing);
  signal.throwIfAborted();
  return names.flatMap((name) => reports.get(name) ?? []);
}

function place(view: string): number {
  const at = LONGEST.indexOf(view);
  return at < 0 ? LONGEST.length : at;
}
