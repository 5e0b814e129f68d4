import { FIRST_GENERATION } from '@millrace/schemas/stores';
import type { GenerationOf, ViewName } from '@millrace/schemas/stores';

/** The generation of each view that a store named last; the first until it has named one. */
export class ActiveGenerations {
  readonly #known = new Map<ViewName, number>();

  readonly of: GenerationOf = (view) => this.#known.get(view) ?? FIRST_GENERATION;

  /** What the store says: null or undefined for none yet. True where it is another one than was known. */
  learn(view: ViewName, said: unknown): boolean {
    const generation = said === null || said === undefined ? FIRST_GENERATION : Number(said);
    if (generation === this.of(view)) return false;
    this.#known.set(view, generation);
    return true;
  }
}
