import { PlatformError } from '@millrace/kernel/errors';
import { PUBLISHED_COLUMNS_QUERY, relationsOf } from '@millrace/schemas/cdc';
import type { PublishedColumn, Relation } from '@millrace/schemas/cdc';
import { capturedTables } from '@millrace/schemas/topics';
import type { CapturedTable } from '@millrace/schemas/topics';
import type pg from 'pg';

/** A captured table as the database has it. */
export interface SourceTable {
  readonly captured: CapturedTable;
  readonly relation: Relation;
  /** Primary key columns in the key's order. */
  readonly primaryKey: readonly string[];
}

const PRIMARY_KEYS_QUERY = `
  select n.nspname::text as schema, c.relname::text as "table", c.relreplident::text as identity,
         array_agg(a.attname::text order by k.at) filter (where a.attname is not null) as key
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace and n.nspname = any ($1)
  left join pg_index i on i.indrelid = c.oid and i.indisprimary
  left join lateral unnest(i.indkey) with ordinality as k(attnum, at) on true
  left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
  where c.relkind in ('r', 'p')
  group by n.nspname, c.relname, c.relreplident`;

interface KeyRow {
  readonly schema: string;
  readonly table: string;
  readonly identity: string;
  readonly key: string[] | null;
}

const PUBLICATION_QUERY = `
  select pubinsert and pubupdate and pubdelete and pubtruncate as everything from pg_publication where pubname = $1`;

export interface CheckedTables {
  readonly tables: SourceTable[];
  /** Why a declared table cannot be captured, with what mends it. */
  readonly problems: readonly { readonly table: string; readonly problem: string }[];
}

/**
 * The captured tables, checked: each is published with all operations, has a primary key that begins with its aggregate's id, and a replica
 * identity. Throws `table-not-capturable` naming every problem together.
 */
export async function sourceTables(
  client: pg.Client,
  publication: string,
  declared: readonly CapturedTable[] = capturedTables,
): Promise<SourceTable[]> {
  const { tables, problems } = await checkTables(client, publication, declared);
  if (problems.length > 0) throw tablesRefused(problems);
  return tables;
}

/** The same, each table apart. Throws `table-not-capturable` where the publication is not what it must be. */
export async function checkTables(
  client: pg.Client,
  publication: string,
  declared: readonly CapturedTable[],
): Promise<CheckedTables> {
  const publications = await client.query<{ everything: boolean }>(PUBLICATION_QUERY, [publication]);
  const problems: { table: string; problem: string }[] = [];
  if (publications.rows[0] === undefined) {
    throw refused([`publication ${publication} does not exist: run \`millrace migrate\` or set PUBLICATION_NAME`]);
  }
  if (!publications.rows[0].everything) {
    throw refused([
      `publication ${publication} leaves out operations: alter publication ${publication} reset its publish option`,
    ]);
  }
  const published = await client.query<PublishedColumn>(PUBLISHED_COLUMNS_QUERY, [publication]);
  const keys = await client.query<KeyRow>(PRIMARY_KEYS_QUERY, [[...new Set(declared.map(({ schema }) => schema))]]);
  const relations = relationsOf(published.rows);
  const tables = declared.flatMap((captured): SourceTable[] => {
    const relation = relations.find(({ schema, table }) => schema === captured.schema && table === captured.table);
    const facts = keys.rows.find(({ schema, table }) => schema === captured.schema && table === captured.table);
    const problem = problemOf(captured, relation, facts, publication);
    if (problem !== null) problems.push({ table: `${captured.schema}.${captured.table}`, problem });
    return relation === undefined || problem !== null ? [] : [{ captured, relation, primaryKey: facts?.key ?? [] }];
  });
  return { tables, problems };
}

export function tablesRefused(problems: CheckedTables['problems']): PlatformError {
  return refused(problems.map(({ problem }) => problem));
}

function problemOf(
  { schema, table, aggregateColumn }: CapturedTable,
  relation: Relation | undefined,
  facts: KeyRow | undefined,
  publication: string,
): string | null {
  const name = `${schema}.${table}`;
  if (facts === undefined) return `${name} does not exist: run \`millrace migrate\`, or correct CAPTURE_TABLES`;
  if (relation === undefined) return `${name} is not published: alter publication ${publication} add table ${name}`;
  if (facts.key?.[0] !== aggregateColumn)
    return `${name} has a primary key that does not begin with ${aggregateColumn}`;
  if (facts.identity === 'n')
    return `${name} has replica identity nothing: alter table ${name} replica identity default`;
  if (!facts.key.every((column) => relation.columns.some(({ name: known, key }) => key && known === column))) {
    return `${name} has a replica identity without its primary key: alter table ${name} replica identity default`;
  }
  return null;
}

function refused(problems: readonly string[]): PlatformError {
  return new PlatformError('table-not-capturable', problems.join(' | '), { context: { problems } });
}
