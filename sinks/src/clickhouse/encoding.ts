import { createHmac } from 'node:crypto';
import type { ClickhouseNames, PartitionMark } from '@millrace/schemas/stores';
import type { ViewEntry, ViewKind } from '@millrace/schemas/views';
import { isKind } from '../port/index.ts';
import { columnsOf, instant, rowOf } from './column.ts';
import type { EncodingContext, TableDefinition } from './column.ts';
import { tables } from './tables.ts';

/** Rows for one table, values in the order of the columns. */
export interface Insert {
  readonly table: string;
  readonly columns: readonly [string, ...string[]];
  readonly rows: readonly (readonly unknown[])[];
}

/** Pseudonyms of customers: the first 128 bits of HMAC-SHA-256 under the key, as hex; '' for no customer. */
export function encodingContext(customerSecret: string): EncodingContext {
  return {
    customerKey: (customerId) =>
      customerId === null || customerId === ''
        ? ''
        : createHmac('sha256', customerSecret).update(customerId).digest('hex').slice(0, 32),
  };
}

/** Entries as inserts, one for each table that has any. */
export function encodeEntries(
  names: ClickhouseNames,
  entries: readonly ViewEntry[],
  context: EncodingContext,
): Insert[] {
  const insertOf = <K extends ViewKind>(kind: K, table: string, definition: TableDefinition<K>): Insert => ({
    table,
    columns: columnNames(definition),
    rows: entries.filter((entry) => isKind(entry, kind)).map((entry) => rowOf(definition, entry, context)),
  });
  const { product, stock, movement, price, pricechange, order } = tables;
  return [
    insertOf('product', product.name(names), product.definition),
    insertOf('stock', stock.name(names), stock.definition),
    insertOf('movement', movement.name(names), movement.definition),
    insertOf('price', price.name(names), price.definition),
    insertOf('pricechange', pricechange.name(names), pricechange.definition),
    insertOf('order', order.name(names), order.definition),
  ].filter(({ rows }) => rows.length > 0);
}

function columnNames<K extends ViewKind>(definition: TableDefinition<K>): readonly [string, ...string[]] {
  const [first = 'id', ...rest] = columnsOf(definition).map(({ name }) => name);
  return [first, ...rest];
}

export function encodeMarks(names: ClickhouseNames, generation: number, marks: readonly PartitionMark[]): Insert {
  return {
    table: names.tables.watermarks,
    columns: ['view', 'generation', 'partition', 'lsn', 'stream_time', 'log_offset'],
    rows: marks.map(({ view, partition, lsn, committedAtMs, offset }) => [
      view,
      generation,
      partition,
      lsn.toString(),
      instant(new Date(committedAtMs).toISOString()),
      offset.toString(),
    ]),
  };
}
