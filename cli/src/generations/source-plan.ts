import { withConnection } from '@millrace/database/connection';
import pg from 'pg';
import { SOURCE_SCHEMA } from '@millrace/schemas/topics';
import type { Resnapshot } from '../capture/index.ts';
import type { TopicTables } from './source-tables.ts';

export interface PlannedTable {
  readonly topic: string;
  readonly table: string;
  /** By the planner's statistics; counted where it has none. */
  readonly rows: number;
  /** On disk, without indexes. */
  readonly bytes: number;
}

/** What reading the tables of a view again takes. */
export interface SourcePlan {
  readonly tables: readonly PlannedTable[];
  readonly rows: number;
  readonly bytes: number;
  /** At the rate given, else at that of the last re-snapshot that was worth measuring; null where there was none. */
  readonly seconds: number | null;
}

/** Fewer rows say nothing about speed. */
const MEASURED_ROWS = 1_000;

export async function sourcePlan(
  databaseUrl: string,
  reads: readonly TopicTables[],
  rate: number | null,
  earlier: readonly Resnapshot[],
): Promise<SourcePlan> {
  return withConnection(databaseUrl, async (client) => {
    const tables: PlannedTable[] = [];
    for (const { topic, tables: names } of reads) {
      for (const table of names) tables.push({ topic, table, ...(await sizeOf(client, table)) });
    }
    const rows = tables.reduce((sum, one) => sum + one.rows, 0);
    const bytes = tables.reduce((sum, one) => sum + one.bytes, 0);
    const perSecond = rate ?? rateOf(earlier);
    return { tables, rows, bytes, seconds: perSecond === null ? null : Math.ceil(rows / perSecond) };
  });
}

/** Rows a second of the newest re-snapshot that read enough to tell; the time that it waited for others counts. */
export function rateOf(earlier: readonly Resnapshot[]): number | null {
  const last = earlier.find(({ state, rows }) => state === 'done' && rows >= MEASURED_ROWS);
  if (last === undefined) return null;
  const seconds = (Date.parse(last.updatedAt) - Date.parse(last.requestedAt)) / 1_000;
  return seconds > 0 ? last.rows / seconds : null;
}

async function sizeOf(client: pg.Client, table: string): Promise<{ rows: number; bytes: number }> {
  const name = `${pg.escapeIdentifier(SOURCE_SCHEMA)}.${pg.escapeIdentifier(table)}`;
  const known = await client.query<{ rows: number; bytes: string }>(
    'select reltuples::float8 as rows, pg_table_size(oid)::text as bytes from pg_class where oid = $1::regclass',
    [name],
  );
  const { rows = -1, bytes = '0' } = known.rows[0] ?? {};
  if (rows >= 0) return { rows, bytes: Number(bytes) };
  const counted = await client.query<{ rows: number }>(`select count(*)::float8 as rows from ${name}`);
  return { rows: counted.rows[0]?.rows ?? 0, bytes: Number(bytes) };
}
