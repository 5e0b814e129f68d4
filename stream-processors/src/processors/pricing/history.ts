/** A price and since when it held, until the next one's beginning. */
export interface PastPrice {
  readonly fromUs: number;
  readonly amount: number;
  readonly currency: string;
}

export const LOWEST_WINDOW_US = 30 * 24 * 3600 * 1_000_000;

/** Adds the present price where it differs from the last, and drops what ended before the window. */
export function withPresent(history: readonly PastPrice[], present: PastPrice): readonly PastPrice[] {
  const last = history.at(-1);
  const isSame = last?.amount === present.amount && last.currency === present.currency;
  const all = isSame ? history : [...history, present];
  const windowUs = present.fromUs - LOWEST_WINDOW_US;
  const first = all.findIndex((_, at) => (all[at + 1]?.fromUs ?? Infinity) > windowUs);
  return first <= 0 ? all : all.slice(first);
}

/** Lowest amount that held in the window, in the present currency, and when that lowest leaves the window (null: not by itself). */
export function lowestOf(history: readonly PastPrice[]): { amount: number; leavesUs: number | null } {
  const present = history.at(-1);
  if (present === undefined) return { amount: 0, leavesUs: null };
  let { amount } = present;
  let leavesUs: number | null = null;
  for (const [at, past] of history.entries()) {
    const endUs = history[at + 1]?.fromUs;
    if (past.currency !== present.currency || endUs === undefined) continue;
    if (past.amount < amount || (past.amount === amount && leavesUs !== null)) {
      amount = past.amount;
      leavesUs = endUs + LOWEST_WINDOW_US;
    }
  }
  return { amount, leavesUs };
}
