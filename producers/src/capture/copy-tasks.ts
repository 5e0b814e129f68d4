import type pg from 'pg';
import type { SourceTable } from './source-tables.ts';

/** A part of a table that one COPY gives: blocks `[from, to)`; null bounds where it has none. */
export interface CopyTask {
  readonly table: SourceTable;
  readonly from: number | null;
  readonly to: number | null;
}

export interface CopyPlan {
  readonly tasks: readonly CopyTask[];
  /** By the planner's statistics; null where it has none yet. */
  readonly estimatedRows: number | null;
}

/** 64 MB of a usual block size: large tables are read by several connections at once. */
export const BLOCKS_PER_TASK = 8_192;

const SIZES_QUERY = `
  select n.nspname::text as schema, c.relname::text as "table", c.reltuples::float8 as rows,
         case when c.relkind = 'r' then pg_relation_size(c.oid) / current_setting('block_size')::int8 else 0 end::float8 as blocks
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname || '.' || c.relname = any ($1)`;

interface Size {
  readonly schema: string;
  readonly table: string;
  readonly rows: number;
  readonly blocks: number;
}

/**
 * Cuts the tables into parts. Ask it after the snapshot was taken, with the tables locked against rewriting: every row that the snapshot sees is then
 * in exactly one part. Reference tables come first, since all others refer to them.
 */
export async function copyPlan(
  client: pg.Client,
  tables: readonly SourceTable[],
  blocksPerTask = BLOCKS_PER_TASK,
): Promise<CopyPlan> {
  const names = tables.map(({ relation }) => `${relation.schema}.${relation.table}`);
  const { rows: sizes } = await client.query<Size>(SIZES_QUERY, [names]);
  const tasks = referenceFirst(tables).flatMap((table) => {
    const { schema, table: name } = table.relation;
    const size = sizes.find((row) => row.schema === schema && row.table === name);
    const parts = Math.max(1, Math.ceil((size?.blocks ?? 0) / blocksPerTask));
    return Array.from({ length: parts }, (_, part) => ({
      table,
      from: part === 0 ? null : part * blocksPerTask,
      to: part === parts - 1 ? null : (part + 1) * blocksPerTask,
    }));
  });
  const isKnown = sizes.some(({ rows }) => rows > 0);
  return { tasks, estimatedRows: isKnown ? sizes.reduce((sum, { rows }) => sum + Math.max(0, rows), 0) : null };
}

export function isReference({ captured }: SourceTable): boolean {
  return captured.topic === 'cdc.reference';
}

function referenceFirst(tables: readonly SourceTable[]): SourceTable[] {
  return [...tables.filter(isReference), ...tables.filter((table) => !isReference(table))];
}

export function copyStatement({ table: { relation }, from, to }: CopyTask): string {
  const columns = relation.columns.map(({ name }) => quoted(name)).join(', ');
  const bounds = [...(from === null ? [] : [`ctid >= '(${from},0)'`]), ...(to === null ? [] : [`ctid < '(${to},0)'`])];
  const name = quotedTable(relation);
  const where = bounds.length === 0 ? '' : ` where ${bounds.join(' and ')}`;
  return `copy (select ${columns} from ${name}${where}) to stdout`;
}

/** Until the transaction ends nobody changes the tables' shape, rewrites or truncates them; writers go on. */
export async function lockShapes(client: pg.Client, tables: readonly SourceTable[]): Promise<void> {
  const names = tables.map(({ relation }) => quotedTable(relation)).join(', ');
  await client.query(`lock table ${names} in access share mode`);
}

function quotedTable({ schema, table }: { readonly schema: string; readonly table: string }): string {
  return `${quoted(schema)}.${quoted(table)}`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
