import type { Relation } from './relation.ts';

/**
 * Asks Postgres for the published tables' columns, as a logical decoder would describe them: `$1` is the publication. Generated columns and
 * those outside a column list are left out, as pgoutput leaves them out.
 */
export const PUBLISHED_COLUMNS_QUERY = `
  select p.schemaname::text as schema, p.tablename::text as "table", a.attname::text as column, a.atttypid::int8::text as type_oid,
         coalesce(c.relreplident = 'f' or a.attnum = any (i.indkey), false) as key
  from pg_publication_tables p
  join pg_namespace n on n.nspname = p.schemaname
  join pg_class c on c.relnamespace = n.oid and c.relname = p.tablename
  join pg_attribute a on a.attrelid = c.oid and a.attname = any (p.attnames) and a.attnum > 0 and not a.attisdropped
  left join pg_index i on i.indrelid = c.oid
    and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident else false end
  where p.pubname = $1
  order by p.schemaname, p.tablename, a.attnum`;

export interface PublishedColumn {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly type_oid: string;
  readonly key: boolean;
}

/** The query's rows, one relation per table. */
export function relationsOf(rows: readonly PublishedColumn[]): Relation[] {
  const relations = new Map<string, Relation & { columns: Relation['columns'][number][] }>();
  for (const { schema, table, column, type_oid, key } of rows) {
    const name = `${schema}.${table}`;
    const relation = relations.get(name) ?? { schema, table, columns: [] };
    relation.columns.push({ name: column, typeOid: Number(type_oid), key });
    relations.set(name, relation);
  }
  return [...relations.values()];
}
