import type { Fold, Measure } from './measures.ts';

/** Measures by name, and the results they give. */
export type Measures<T, R> = { readonly [K in keyof R]: Measure<T, R[K]> };

/** A group's state: how many values it has, and what each measure keeps, in their order. */
export interface GroupState {
  readonly n: number;
  readonly held: readonly unknown[];
}

/** Several measures of one group, as one fold. */
export class Measured<T, R> {
  readonly #names: readonly string[];
  readonly #folds: readonly Fold<T, unknown, unknown>[];
  readonly empty: GroupState;

  constructor(measures: Measures<T, R>, insertOnly: boolean) {
    this.#names = Object.keys(measures);
    this.#folds = Object.values<Measure<T, unknown>>(measures).map((measure) => measure(insertOnly));
    this.empty = { n: 0, held: this.#folds.map(({ start }) => start) };
  }

  add({ n, held }: GroupState, value: T, key: string): GroupState {
    return { n: n + 1, held: this.#folds.map((fold, at) => fold.add(held[at], value, key)) };
  }

  remove({ n, held }: GroupState, value: T, key: string): GroupState {
    return { n: n - 1, held: this.#folds.map((fold, at) => fold.remove(held[at], value, key)) };
  }

  merge(one: GroupState, other: GroupState): GroupState {
    return { n: one.n + other.n, held: this.#folds.map((fold, at) => fold.merge(one.held[at], other.held[at])) };
  }

  result({ held }: GroupState): R {
    const result: Record<string, unknown> = {};
    for (const [at, fold] of this.#folds.entries()) result[this.#names[at] ?? ''] = fold.result(held[at]);
    return result as R;
  }
}
