import type { Position } from '@millrace/kernel/position';

/** A large column that Postgres left out because the update did not touch it: take the value you hold. Never null. */
export const UNCHANGED: unique symbol = Symbol('unchanged');
export type Unchanged = typeof UNCHANGED;

/**
 * A column's value after decoding: boolean; number (int2, int4, floats, timestamptz in µs, ±Infinity included); bigint (int8, and a
 * timestamptz whose µs no number holds exactly, which is possible from AD 2255 on); string (everything else, as Postgres prints it,
 * numeric included); null; UNCHANGED. `columnText` gives back the text that Postgres prints.
 */
export type ColumnValue = boolean | number | bigint | string | null | Unchanged;
export type Row = Readonly<Record<string, ColumnValue>>;

/** c insert, u update, d delete, r snapshot row, t truncate (key `<table>/`, in every partition of the topic). */
export type ChangeOp = 'c' | 'u' | 'd' | 'r' | 't';

/** One row's change: Debezium's envelope, its source block flattened. */
export interface Change extends Position {
  readonly op: ChangeOp;
  readonly schema: string;
  readonly table: string;
  readonly txid: number;
  /** Commit time, µs since 1970. */
  readonly tsUs: number;
  readonly snapshot: boolean;
  /** What the replica identity gives: on deletes the key columns, others null. */
  readonly before: Row | null;
  readonly after: Row | null;
}
