import type { GenerationOf, ViewName } from '@millrace/schemas/stores';

/** One generation of one view. */
export interface Generation {
  readonly view: ViewName;
  readonly generation: number;
}

/**
 * What a store knows of generations beside the entries themselves: which one its readers see, and what it holds.
 *
 * Guarantees: `expose` makes every reader of the store see the given generations from when it resolves, none of them half of one and half of
 * another (a reader that has begun may end with the former). `drop` removes everything of a generation, its marks first, what `held` goes by
 * last: one that was killed is found again, and what is left of it is never taken for whole. Each call may be repeated.
 *
 * Errors: `store-unavailable` where waiting may mend it, `store-rejected` where it never will.
 */
export interface StoreGenerations {
  open(): Promise<void>;
  expose(active: GenerationOf): Promise<void>;
  /** Every generation that the store holds anything of. */
  held(): Promise<readonly Generation[]>;
  /** Never the active one: the caller sees to that. */
  drop(generation: Generation): Promise<void>;
  /** Never throws. */
  close(): Promise<void>;
}

/** How a sink of a generation is called in logs, metrics and /status: the first one has the store's plain name. */
export function sinkName(store: string, generation: number): string {
  return generation === 1 ? store : `${store}_g${generation}`;
}
