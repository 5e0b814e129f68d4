import type { ClientBase } from 'pg';
import type { Row } from './rows.ts';

/**
 * Inserts rows of one table in one statement. All rows must have the first one's columns; columns they do not name get the
 * table's defaults. No rows: no statement.
 */
export async function insertRows(client: ClientBase, table: string, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return;
  await client.query(insertFrom(table, columnsOf(rows), '$1'), [JSON.stringify(rows)]);
}

export function columnsOf(rows: readonly Row[]): readonly string[] {
  return Object.keys(rows[0] ?? {});
}

/** `insert into commerce.<table>` of the columns named, from a parameter or expression that holds a JSON array of rows. */
export function insertFrom(table: string, columns: readonly string[], json: string): string {
  const list = columns.join(', ');
  return `insert into commerce.${table} (${list})
    select ${list} from json_populate_recordset(null::commerce.${table}, (${json})::json)`;
}
