import { createHmac } from 'node:crypto';
import type { ClickhouseNames, PartitionMark } from '@millrace/schemas/stores';
import type { ViewEntry } from '@millrace/schemas/views';
import { instant } from './column.ts';
import type { EncodingContext } from './column.ts';
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
  return tables
    .map((table) => {
      const [first = 'id', ...rest] = table.columns.map(({ name }) => name);
      return { table: table.name(names), columns: [first, ...rest] as const, rows: table.rows(entries, context) };
    })
    .filter(({ rows }) => rows.length > 0);
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
