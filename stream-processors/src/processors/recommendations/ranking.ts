import { newest, weights } from './weeks.ts';
import type { Weeks } from './weeks.ts';

/** Products that an entry names at most. */
export const MOST_COMPANIONS = 12;

/** What was bought with a product. */
export interface Companion {
  readonly productId: string;
  /** Millionths of a purchase in the newest week. */
  readonly score: number;
  readonly orders: number;
}

/** What the purchases are worth beside one in week `asOf`. */
export function companionOf(productId: string, weeks: Weeks, asOf: number): Companion {
  let score = 0;
  let orders = 0;
  for (const [week, count] of Object.entries(weeks)) {
    score += count * (weights[asOf - Number(week)] ?? 0);
    orders += count;
  }
  return { productId, score, orders };
}

/** The best, in order: by score, then orders, then id. */
export function ranked(companions: readonly Companion[]): readonly Companion[] {
  return [...companions].sort(better).slice(0, MOST_COMPANIONS);
}

/**
 * The best once one of the companions counts for more than before, given the best until then. Nothing else has changed, so whoever was not among
 * them still is not.
 */
export function withRisen(best: readonly Companion[], risen: Companion): readonly Companion[] {
  return ranked([...best.filter(({ productId }) => productId !== risen.productId), risen]);
}

/** Whether scores are beside another week than before: all of them are to be ranked anew. */
export function isOfAnotherWeek(before: Weeks, after: Weeks): boolean {
  return newest(before) !== newest(after);
}

function better(a: Companion, b: Companion): number {
  return b.score - a.score || b.orders - a.orders || (a.productId < b.productId ? -1 : 1);
}
