import type { Lsn } from '@millrace/kernel/position';
import { FIRST_GENERATION, FIRST_LOG, viewNames } from '../stores/index.ts';
import type { GenerationOf, ViewName } from '../stores/index.ts';
import type { Change, Row } from '../cdc/index.ts';

/** A row of `view_generations`. */
export interface ViewGenerations {
  /** What readers see. */
  readonly active: number;
  /** What is being filled. */
  readonly building: number | null;
  /** What was active before, kept fed for a rollback. */
  readonly previous: number | null;
  /** The highest number that was ever given to a generation of the view. */
  readonly last: number;
  /** Entries a second that the filling may write into a store; null for no limit of its own. */
  readonly rate: number | null;
  /** Which of the view's logs each generation holds the entries of; null beside a generation that there is not. */
  readonly activeLog: number;
  readonly buildingLog: number | null;
  readonly previousLog: number | null;
  /** Logs of other views that a log after the first is made from, by its number; the first log is made from first logs. */
  readonly logInputs: Readonly<Record<string, Partial<Record<ViewName, number>>>>;
}

export const firstOnly: ViewGenerations = {
  active: FIRST_GENERATION,
  building: null,
  previous: null,
  last: FIRST_GENERATION,
  rate: null,
  activeLog: FIRST_LOG,
  buildingLog: null,
  previousLog: null,
  logInputs: {},
};

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

/** The log whose entries a generation of the view holds. */
export function logOf(rows: GenerationRows, view: ViewName, generation: number): number {
  const { active, activeLog, building, buildingLog, previous, previousLog } = generationsOf(rows, view);
  if (generation === active) return activeLog;
  if (generation === building) return buildingLog ?? FIRST_LOG;
  return generation === previous ? (previousLog ?? FIRST_LOG) : FIRST_LOG;
}

/** The log whose entries readers of the view see. */
export function activeLogOf(rows: GenerationRows, view: ViewName): number {
  return generationsOf(rows, view).activeLog;
}

/** The logs that generations of the view hold the entries of. What other logs are made from is kept besides: the processors know. */
export function logsOf(rows: GenerationRows, view: ViewName): number[] {
  return [...new Set(keptOf(rows, view).map((generation) => logOf(rows, view, generation)))];
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
  const active = number('active') ?? FIRST_GENERATION;
  const inputs = row['log_inputs'];
  return {
    active,
    building: number('building'),
    previous: number('previous'),
    last: number('last') ?? active,
    rate: number('rate'),
    // Rows of before there was more than one log.
    activeLog: number('active_log') ?? FIRST_LOG,
    buildingLog: number('building_log'),
    previousLog: number('previous_log'),
    logInputs: typeof inputs === 'string' ? (JSON.parse(inputs) as ViewGenerations['logInputs']) : {},
  };
}
