import type { Random } from './random.ts';

export type Action = 'place-order' | 'move-order' | 'restock' | 'change-price' | 'tag' | 'fill-cart' | 'browse';

/** What happens in a shop, of a hundred changes. */
const weights: readonly (readonly [Action, number])[] = [
  ['place-order', 40],
  ['move-order', 24],
  ['restock', 12],
  ['change-price', 8],
  ['tag', 4],
  ['fill-cart', 6],
  ['browse', 6],
];

/** The next change and the way it takes; `share` of them by plain SQL. */
export function nextStep(random: Random, share: number): { readonly action: Action; readonly via: 'sql' | 'api' } {
  let draw = random.next() * 100;
  const via = random.chance(share) ? 'sql' : 'api';
  for (const [action, weight] of weights) {
    draw -= weight;
    if (draw < 0) return { action, via };
  }
  return { action: 'place-order', via };
}

/** How many changes should have begun this long after the start: the first at once, then evenly, on average `tps` a second. */
export function dueAfter(elapsedMs: number, tps: number): number {
  return Math.floor((elapsedMs * tps) / 1000) + 1;
}

/** When the change after `begun` others is due, in ms after the start. */
export function dueAt(begun: number, tps: number): number {
  return (begun * 1000) / tps;
}
