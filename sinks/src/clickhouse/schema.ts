import type { ClickHouseClient } from '@clickhouse/client';
import { viewHolding } from '@millrace/schemas/stores';
import type { ClickhouseNames, ViewName } from '@millrace/schemas/stores';
import { clickhouseError } from './client.ts';
import type { EntryTable } from './column.ts';
import { tables } from './tables.ts';
import { generationViewStatements } from './views.ts';

/**
 * Tables of present state replace by version: of the rows of an id, the one with the greatest version counts, of equal ones the last
 * written. So a batch may come again, in part or out of order. Deletes are rows too and stay.
 */
function stateTable(name: string, { columns }: EntryTable): string[] {
  const [own, ...further] = columns.map((column) => `${column.name} ${column.type}`);
  return [
    `CREATE TABLE IF NOT EXISTS ${name} (${[own, ...further].join(', ')})
    ENGINE = ReplacingMergeTree(version, deleted) ORDER BY id`,
    // A table that an earlier release made has fewer columns; what it holds has their defaults until it is written again.
    `ALTER TABLE ${name} ${further.map((column) => `ADD COLUMN IF NOT EXISTS ${column}`).join(', ')}`,
  ];
}

/** Every statement that a generation of these views needs, in order. All may run again; a table that is there gets what it lacks. */
export function tableStatements(names: ClickhouseNames, views: readonly ViewName[]): string[] {
  const watermarks = `CREATE TABLE IF NOT EXISTS ${names.tables.watermarks} (
      view LowCardinality(String), generation UInt32, partition UInt32,
      lsn SimpleAggregateFunction(max, UInt64),
      stream_time SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
      log_offset SimpleAggregateFunction(max, UInt64)
    ) ENGINE = AggregatingMergeTree ORDER BY (view, generation, partition)`;
  const held = tables.filter(({ kind }) => views.includes(viewHolding(kind)));
  return [
    ...held.flatMap((table) => stateTable(table.name(names), table)),
    watermarks,
    ...generationViewStatements(names, views),
  ];
}

/**
 * Creates the database and the tables of the views where they are missing. Tables get the columns that they lack; no column ever changes
 * in place, a new generation gets the new one. The `v_*` views, which say what readers see, are not the sink's to make.
 */
export async function ensureSchema(
  client: ClickHouseClient,
  names: ClickhouseNames,
  views: readonly ViewName[],
): Promise<void> {
  try {
    await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${names.database}` });
    for (const query of tableStatements(names, views)) await client.command({ query });
  } catch (error) {
    throw clickhouseError(error, 'creating tables');
  }
}
