import type { Lsn } from '@millrace/kernel/position';
import { FIRST_GENERATION, viewNames } from '@millrace/schemas/stores';
import type { GenerationOf, ViewName } from '@millrace/schemas/stores';
import type { Change, Row } from '@millrace/schemas/cdc';

/** A row of `view_generations`. */
export interface ViewGenerations {
  /** What readers see. */
  readonly active: number;
  /** What is being filled. */
  readonly building: number | null;
  /** What was active before, kept fed for a rollback. */
  readonly previous: number | null;
  /** Entries a second that the filling may write into a store; null for no limit of its own. */
  readonly rate: number | null;
}

export const firstOnly: ViewGenerations = { active: FIRST_GENERATION, building: null, previous: null, rate: null };

/** The table as of a commit. A view without a row is in its first generation. */
export type GenerationRows = ReadonlyMap<ViewName, ViewGenerations>;

export function generationsOf(rows: GenerationRows, view: ViewName): ViewGenerations {
  return rows.get(view) ?? firstOnly;
}

export function activeOf(rows: GenerationRows): GenerationOf {
  return (view) => generationsOf(rows, view).active;
}

/** The generations that a store keeps of a view. */
export function keptOf(rows: GenerationRows, view: ViewName): number[] {
  const { active, building, previous } = generationsOf(rows, view);
  return [active, building, previous].filter((generation) => generation !== null);
}

/**
 * Folds the changes of `view_generations` into the table as of a commit: a commit counts when a watermark has passed it, so that a truncate
 * and the rows read again after it (a healed slot) are never seen apart.
 */
export class GenerationTable {
  #rows = new Map<ViewName, ViewGenerations>();
  #waiting: Change[] = [];

  get rows(): GenerationRows {
    return this.#rows;
  }

  add(change: Change): void {
    this.#waiting.push(change);
  }

  /** True where the table is another one now. */
  passed(lsn: Lsn): boolean {
    const due = this.#waiting.filter((change) => change.lsn <= lsn);
    if (due.length === 0) return false;
    this.#waiting = this.#waiting.filter((change) => change.lsn > lsn);
    const rows = new Map(this.#rows);
    for (const change of due) apply(rows, change);
    const isOther = JSON.stringify([...rows]) !== JSON.stringify([...this.#rows]);
    this.#rows = rows;
    return isOther;
  }
}

function apply(rows: Map<ViewName, ViewGenerations>, { op, before, after }: Change): void {
  if (op === 't') {
    rows.clear();
    return;
  }
  const view = viewNames.find((name) => name === (after ?? before)?.['view']);
  if (view === undefined) return;
  if (after === null) rows.delete(view);
  else rows.set(view, generationsIn(after));
}

function generationsIn(row: Row): ViewGenerations {
  const number = (name: string): number | null => (typeof row[name] === 'number' ? row[name] : null);
  return {
    active: number('active') ?? FIRST_GENERATION,
    building: number('building'),
    previous: number('previous'),
    rate: number('rate'),
  };
}
