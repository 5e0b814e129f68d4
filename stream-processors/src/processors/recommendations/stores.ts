import type { Context } from '../../runtime/index.ts';
import { keyedStore } from '../../runtime/index.ts';
import type { Basket } from './basket.ts';
import { dayOf } from './basket.ts';
import type { Companion } from './ranking.ts';
import type { Weeks } from './weeks.ts';

/** A product of this task that was bought with others. */
export interface Bought {
  readonly tenantId: string;
  /** Orders of it with other products, by week. Never empty. */
  readonly weeks: Weeks;
  /** The best companions, as of the newest week; null: to be ranked anew. */
  readonly best: readonly Companion[] | null;
}

/** How often another product was bought with one of this task's, by week. */
export interface Pair {
  readonly productId: string;
  readonly otherId: string;
  readonly weeks: Weeks;
}

export const stores = {
  /** What is counted, by order id: only orders with a product of this task, until they count no more. */
  baskets: keyedStore<Basket, 'day'>({ day: ({ placedAtUs }) => String(dayOf(placedAtUs)) }),
  /** Days that have baskets, each with a timer that forgets them. */
  days: keyedStore<true>(),
  products: keyedStore<Bought>(),
  /** By `<productId>/<otherId>`. */
  pairs: keyedStore<Pair, 'product'>({ product: ({ productId }) => productId }),
};
export type Ctx = Context<typeof stores>;
