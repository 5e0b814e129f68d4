import { PlatformError } from '@millrace/kernel/errors';
import { PUBLISHED_COLUMNS_QUERY, relationsOf } from '@millrace/schemas/cdc';
import type { PublishedColumn, Relation } from '@millrace/schemas/cdc';
import type pg from 'pg';

/** The table whose inserted rows are events. */
export interface OutboxTable {
  readonly schema: string;
  readonly table: string;
  readonly relation: Relation;
}

/** Columns that an outbox must have; `tenant_id` and `created_at` are used where they are there. */
const REQUIRED = ['event_id', 'aggregate_type', 'aggregate_id', 'event_type', 'payload'] as const;

const FACTS_QUERY = `
  select has_table_privilege(c.oid, 'DELETE') as may_delete,
         coalesce((select array_agg(a.attname::text) from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
                   where i.indrelid = c.oid and i.indisprimary), '{}') as key
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relname = $2`;

/** `schema.table` in its parts; null for `none`. Throws `config-invalid` for anything else. */
export function outboxName(setting: string): { schema: string; table: string } | null {
  if (setting === 'none') return null;
  const [schema = '', table = '', ...more] = setting.split('.');
  if (schema === '' || table === '' || more.length > 0) {
    throw new PlatformError('config-invalid', `OUTBOX_TABLE must be schema.table or none, not "${setting}"`);
  }
  return { schema, table };
}

/** The outbox as the database has it, checked; null where none is captured. Throws `table-not-capturable` naming every problem together. */
export async function outboxTable(
  client: pg.Client,
  publication: string,
  setting: string,
): Promise<OutboxTable | null> {
  const name = outboxName(setting);
  if (name === null) return null;
  const { schema, table } = name;
  const full = `${schema}.${table}`;
  const facts = await client.query<{ may_delete: boolean; key: string[] }>(FACTS_QUERY, [schema, table]);
  const published = await client.query<PublishedColumn>(PUBLISHED_COLUMNS_QUERY, [publication]);
  const relation = relationsOf(published.rows).find((known) => known.schema === schema && known.table === table);
  const [fact] = facts.rows;
  const problems: string[] = [];
  if (fact === undefined) problems.push(`${full} does not exist: run \`millrace migrate\` or set OUTBOX_TABLE=none`);
  else {
    if (relation === undefined) {
      problems.push(`${full} is not published: alter publication ${publication} add table ${full}`);
    }
    if (!fact.may_delete) problems.push(`${full} cannot be emptied: grant delete on ${full} to the producer's role`);
    if (fact.key.join() !== 'event_id') problems.push(`${full} must have the primary key (event_id)`);
  }
  const lacking = REQUIRED.filter((column) => relation?.columns.some(({ name: known }) => known === column) === false);
  if (lacking.length > 0) problems.push(`${full} lacks ${lacking.join(', ')}`);
  if (problems.length > 0 || relation === undefined) {
    throw new PlatformError('table-not-capturable', problems.join(' | '), { context: { problems } });
  }
  return { schema, table, relation };
}
