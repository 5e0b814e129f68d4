import type { StoreName } from '../../lag/index.ts';

/** Which documents a query is of, as pieces of SQL. */
export interface Scope {
  /** A condition on a column that holds the documents' ids. */
  readonly within: (column: string) => string;
  /** The time as of which they are wanted. */
  readonly at: () => string;
}

/**
 * What the documents of a kind must be, recomputed from the tables by SQL that shares nothing with the processors, so that a wrong processor is found.
 * Not compared: what has a history that the tables do not hold (`lowest30d`, when a cart was left).
 */
export interface ExpectedKind {
  /** The table that has a row for each id, and its column. */
  readonly table: string;
  readonly key: string;
  /** A row for each document: its `id`, and columns for the texts. */
  readonly rows: (scope: Scope) => string;
  /** So many times the rows of other kinds in a range, where each range costs a pass over other tables. Default 1. */
  readonly rangeFactor?: number;
  /** Rows of the table may have no document. */
  readonly isPartial?: true;
  /** Rows that are over may be thrown away: a document without one is no difference. */
  readonly forgets?: true;
  /** The whole document in comparable form (`comparable.ts`) as a text of JSON, out of a row `r`. */
  readonly document: string;
  /** What each store holds of it, as the store's own text of it reads (`stores/`); null where it holds nothing of this one. */
  readonly texts: Readonly<Partial<Record<StoreName, string>>>;
}

/** A time as views write it. */
export function iso(expression: string): string {
  return `to_char(${expression} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
