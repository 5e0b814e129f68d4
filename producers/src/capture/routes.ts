import { PlatformError } from '@millrace/kernel/errors';
import { partitionOf } from '@millrace/schemas/partition';
import type { Relation, TextRow } from '@millrace/schemas/cdc';
import { createChangeEncoder } from '@millrace/schemas/cdc';
import type { ChangeEncoder } from '@millrace/schemas/cdc';
import type { CapturedTable, CaptureTopic } from '@millrace/schemas/topics';
import type { EventRoute } from '../outbox/event-route.ts';

/** How one relation's rows become records: where they go, under which key, in which bytes. */
export interface Route {
  readonly relation: Relation;
  readonly topic: CaptureTopic;
  readonly encoder: ChangeEncoder;
  /** The row's partition in its topic. */
  partition(row: TextRow): number;
  /** `<table>/<primary key values joined by />` */
  key(row: TextRow): Buffer;
  /** Key of a truncate: the whole table. */
  readonly tableKey: Buffer;
  /** The relation is the outbox: its inserts are events, all else that happens to it is of no interest. */
  readonly outbox?: EventRoute;
}

const SLASH = 0x2f;

/** Throws `table-not-capturable` where the relation lacks its aggregate or key columns. */
export function createRoute(
  relation: Relation,
  captured: CapturedTable,
  primaryKey: readonly string[],
  partitions: number,
  schemaId: number,
): Route {
  const columnAt = (name: string): number => {
    const index = relation.columns.findIndex((column) => column.name === name);
    if (index >= 0) return index;
    throw new PlatformError(
      'table-not-capturable',
      `${relation.schema}.${relation.table} has no column ${name} any more`,
    );
  };
  const aggregate = columnAt(captured.aggregateColumn);
  const keys = primaryKey.map(columnAt);
  const tableKey = Buffer.from(`${relation.table}/`);

  return {
    relation,
    topic: captured.topic,
    encoder: createChangeEncoder(relation, schemaId),
    tableKey,
    partition(row) {
      return partitionOf(required(relation, row, aggregate), partitions);
    },
    key(row) {
      let length = tableKey.length + keys.length - 1;
      for (const column of keys) length += row.lengthOf(column);
      const key = Buffer.allocUnsafe(length);
      tableKey.copy(key);
      let at = tableKey.length;
      for (const [index, column] of keys.entries()) {
        if (index > 0) key[at++] = SLASH;
        at += required(relation, row, column).copy(key, at);
      }
      return key;
    },
  };
}

function required(relation: Relation, row: TextRow, column: number): Buffer {
  const bytes = row.bytes(column);
  if (bytes !== null) return bytes;
  const name = relation.columns[column]?.name ?? `#${column}`;
  throw new PlatformError(
    'table-not-capturable',
    `a change of ${relation.schema}.${relation.table} lacks its key column ${name}`,
  );
}
