import type { ClickhouseNames } from '@millrace/schemas/stores';
import type { ViewData, ViewEntry, ViewKind } from '@millrace/schemas/views';
import { isKind } from '../port/index.ts';

/** A column of a table that holds one kind of entry: its type, and its value out of the entry's data. */
export interface Column<K extends ViewKind> {
  readonly name: string;
  readonly type: string;
  readonly value: (data: ViewData[K], context: EncodingContext) => unknown;
}

export interface EncodingContext {
  /** The pseudonym of a customer: the same for the same id, and no way back without the key. */
  readonly customerKey: (customerId: string | null) => string;
}

/** One table of present state: a row per entry, the newest version of each counts. */
export interface TableDefinition<K extends ViewKind> {
  readonly kind: K;
  readonly columns: readonly Column<K>[];
}

/** Columns that every such table has, before its own. A deleted row has its other columns empty. */
const ownColumns = [
  { name: 'id', type: 'String' },
  { name: 'version', type: 'UInt64' },
  { name: 'deleted', type: 'UInt8' },
  { name: 'committed_at', type: "DateTime64(3, 'UTC')" },
] as const;

/** A table as the sink uses it, whatever kind it holds. */
export interface EntryTable {
  readonly kind: ViewKind;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  name(names: ClickhouseNames): string;
  /** The entries of its kind, as rows in the order of the columns. */
  rows(entries: readonly ViewEntry[], context: EncodingContext): readonly (readonly unknown[])[];
}

export function held<K extends ViewKind>(
  definition: TableDefinition<K>,
  name: keyof ClickhouseNames['tables'],
): EntryTable {
  return {
    kind: definition.kind,
    columns: [...ownColumns, ...definition.columns],
    name: (names) => names.tables[name],
    rows: (entries, context) =>
      entries.filter((entry) => isKind(entry, definition.kind)).map((entry) => rowOf(definition, entry, context)),
  };
}

function rowOf<K extends ViewKind>(
  table: TableDefinition<K>,
  entry: ViewEntry<K>,
  context: EncodingContext,
): readonly unknown[] {
  const { id, lsn, tsUs, data } = entry;
  const own = [id, lsn.toString(), data === null ? 1 : 0, instantFromMicros(tsUs)];
  // null becomes the column's default.
  return [...own, ...table.columns.map((column) => (data === null ? null : column.value(data, context)))];
}

export function instantFromMicros(tsUs: number): string {
  return instant(new Date(Math.floor(tsUs / 1000)).toISOString());
}

/** ISO 8601 UTC as ClickHouse reads it without a setting. */
export function instant(iso: string): string {
  const utc = iso.endsWith('Z') ? iso : new Date(iso).toISOString();
  return utc.slice(0, -1).replace('T', ' ');
}

export function instantOrNull(iso: string | null): string | null {
  return iso === null ? null : instant(iso);
}
