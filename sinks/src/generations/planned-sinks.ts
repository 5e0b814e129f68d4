import { FIRST_GENERATION, FIRST_LOG } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import type { Generation } from '../port/index.ts';
import type { GenerationRows } from '@millrace/schemas/generations';
import { generationsOf, keptOf, logOf } from '@millrace/schemas/generations';

/** A sink that a store must have: one generation of some views. */
export interface PlannedSink {
  /** Equal for equal sinks. */
  readonly key: string;
  readonly generation: number;
  /** Which of their logs it follows: that of a generation never changes. */
  readonly log: number;
  readonly views: readonly ViewName[];
}

/**
 * The sinks that a store of these views needs: one for the views of the first generation together, one for each later generation of a view.
 * A switch changes none of them, so that none has to be opened anew at that moment.
 */
export function plannedSinks(views: readonly ViewName[], rows: GenerationRows): PlannedSink[] {
  const sinkOf = (generation: number, log: number, its: readonly ViewName[]): PlannedSink => ({
    key: `${generation}/${its.join(',')}`,
    generation,
    log,
    views: its,
  });
  const first = views.filter((view) => keptOf(rows, view).includes(FIRST_GENERATION));
  const later = views.flatMap((view) =>
    keptOf(rows, view)
      .filter((generation) => generation !== FIRST_GENERATION)
      .map((generation) => sinkOf(generation, logOf(rows, view, generation), [view])),
  );
  return [...(first.length === 0 ? [] : [sinkOf(FIRST_GENERATION, FIRST_LOG, first)]), ...later];
}

/** True where none of the sink's views is read in this generation, nor kept for a rollback. */
export function isFilling({ generation, views }: PlannedSink, rows: GenerationRows): boolean {
  return views.every((view) => generationsOf(rows, view).building === generation);
}

/** What a store holds and nobody wants any more. */
export function leftOver(held: readonly Generation[], rows: GenerationRows): Generation[] {
  return held.filter(({ view, generation }) => !keptOf(rows, view).includes(generation));
}
