import { PlatformError } from '@millrace/kernel/errors';
import type pg from 'pg';
import type { SourceTable } from '../capture/source-tables.ts';
import type { ResnapshotRequest } from '../control/index.ts';
import { sqlState } from '../replication/connect.ts';
import { quotedTable } from './quoted.ts';
import type { TableScope } from './table-reader.ts';

/** `schema.table` */
export function tableName({ schema, table }: { readonly schema: string; readonly table: string }): string {
  return `${schema}.${table}`;
}

/**
 * The captured tables a request means, in the catalogue's order. Throws `validation-failed` where one of them is not captured, or where they
 * are of several topics: the deletes of a re-snapshot are found in one pass over one topic.
 */
export function requestedTables(request: ResnapshotRequest, tables: readonly SourceTable[]): readonly SourceTable[] {
  const named = request.tables ?? (request.table === undefined ? null : [request.table]);
  if (named === null) {
    const found = tables.filter(({ captured }) => captured.topic === request.topic);
    if (found.length > 0) return found;
    throw notCaptured(
      request.topic ?? '',
      tables.map(({ captured }) => captured.topic),
    );
  }
  const wanted = new Set(
    named.map((name) => {
      const found = tables.filter(({ relation }) => [tableName(relation), relation.table].includes(name));
      if (found.length !== 1) throw notCaptured(name, tables.map(nameOf));
      return found[0];
    }),
  );
  const found = tables.filter((table) => wanted.has(table));
  const topics = new Set(found.map(({ captured }) => captured.topic));
  if (topics.size === 1) return found;
  throw new PlatformError(
    'validation-failed',
    `one re-snapshot reads tables of one topic, and these are of ${[...topics].sort().join(', ')}`,
  );
}

function notCaptured(wanted: string, known: readonly string[]): PlatformError {
  return new PlatformError(
    'validation-failed',
    `${wanted} is not captured: there are ${[...new Set(known)].sort().join(', ')}`,
  );
}

/** The part of the table that the request means. */
export function scopeOf(request: ResnapshotRequest, { captured, relation, primaryKey }: SourceTable): TableScope {
  return {
    schema: relation.schema,
    table: relation.table,
    aggregateColumn: captured.aggregateColumn,
    primaryKey,
    from: request.from ?? null,
    to: request.to ?? null,
    among: aggregatesOf(request),
  };
}

const INVALID_TEXT = new Set(['22P02', '22007', '22008', '22003', '22001']);

/** The aggregates that a request names; null where it names none. */
export function aggregatesOf({ aggregate, aggregates }: ResnapshotRequest): readonly string[] | null {
  return aggregates ?? (aggregate === undefined ? null : [aggregate]);
}

/** The ids as Postgres prints values of the aggregate's column. Throws `validation-failed` where one is none. */
export async function canonicalIds(sql: pg.Client, scope: TableScope, ids: readonly string[]): Promise<string[]> {
  const types = await sql.query<{ type: string }>(
    `select format_type(atttypid, -1) as type from pg_attribute
     where attrelid = $1::regclass and attname = $2 and not attisdropped`,
    [quotedTable(scope), scope.aggregateColumn],
  );
  try {
    // A type's name as Postgres itself quotes it.
    const { rows } = await sql.query<{ id: string }>(
      `select format('%s', given.id::${types.rows[0]?.type ?? 'text'}) as id
       from unnest($1::text[]) with ordinality as given (id, at) order by given.at`,
      [ids],
    );
    return rows.map(({ id }) => id);
  } catch (error) {
    if (!INVALID_TEXT.has(sqlState(error))) throw error;
    throw new PlatformError(
      'validation-failed',
      `${scope.schema}.${scope.table}.${scope.aggregateColumn} has no such value as was given`,
      { cause: error },
    );
  }
}

function nameOf({ relation }: SourceTable): string {
  return tableName(relation);
}
