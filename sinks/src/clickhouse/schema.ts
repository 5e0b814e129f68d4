import { createHash } from 'node:crypto';
import type { ClickHouseClient } from '@clickhouse/client';
import { FIRST_GENERATION } from '@millrace/schemas/stores';
import type { ClickhouseNames } from '@millrace/schemas/stores';
import type { ViewKind } from '@millrace/schemas/views';
import { clickhouseError } from './client.ts';
import { columnsOf } from './column.ts';
import type { TableDefinition } from './column.ts';
import { tables } from './tables.ts';
import { viewStatements } from './views.ts';

/**
 * Tables of present state replace by version: of the rows of an id, the one with the greatest version counts, of equal ones the last
 * written. So a batch may come again, in part or out of order. Deletes are rows too and stay.
 */
function stateTable<K extends ViewKind>(name: string, definition: TableDefinition<K>): string {
  const columns = columnsOf(definition).map((column) => `${column.name} ${column.type}`);
  return `CREATE TABLE IF NOT EXISTS ${name} (${columns.join(', ')})
    ENGINE = ReplacingMergeTree(version, deleted) ORDER BY id`;
}

/** Every statement, in order. All may run again; those for views run only where the first generation is the live one. */
export function schemaStatements(names: ClickhouseNames, generation: number): string[] {
  const state = [
    stateTable(names.tables.products, tables.product.definition),
    stateTable(names.tables.stock, tables.stock.definition),
    stateTable(names.tables.movements, tables.movement.definition),
    stateTable(names.tables.prices, tables.price.definition),
    stateTable(names.tables.priceChanges, tables.pricechange.definition),
    stateTable(names.tables.orders, tables.order.definition),
  ];
  const watermarks = `CREATE TABLE IF NOT EXISTS ${names.tables.watermarks} (
      view LowCardinality(String), generation UInt32, partition UInt32,
      lsn SimpleAggregateFunction(max, UInt64),
      stream_time SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
      log_offset SimpleAggregateFunction(max, UInt64)
    ) ENGINE = AggregatingMergeTree ORDER BY (view, generation, partition)`;
  return [...state, watermarks, ...(generation === FIRST_GENERATION ? viewStatements(names) : [])];
}

/**
 * Creates the database, tables and views where the present statements have not run there yet (`schema_versions` remembers them by their
 * hash). Views are replaced; a table's definition never changes in place, a new generation gets the new one.
 */
export async function ensureSchema(
  client: ClickHouseClient,
  names: ClickhouseNames,
  generation: number,
): Promise<void> {
  const statements = schemaStatements(names, generation);
  const hash = createHash('sha256').update(statements.join(';')).digest('hex').slice(0, 16);
  const run = async (query: string): Promise<void> => {
    await client.command({ query });
  };
  try {
    await run(`CREATE DATABASE IF NOT EXISTS ${names.database}`);
    await run(
      `CREATE TABLE IF NOT EXISTS ${names.tables.schemaVersions} (hash String, generation UInt32, applied_at DateTime64(3, 'UTC'))
       ENGINE = MergeTree ORDER BY applied_at`,
    );
    const result = await client.query({
      query: `SELECT hash FROM ${names.tables.schemaVersions} WHERE generation = ${generation} ORDER BY applied_at DESC LIMIT 1`,
      format: 'JSONEachRow',
    });
    const [newest] = await result.json<{ hash: string }>();
    if (newest?.hash === hash) return;
    for (const statement of statements) await run(statement);
    await run(`INSERT INTO ${names.tables.schemaVersions} SELECT '${hash}', ${generation}, now64(3, 'UTC')`);
  } catch (error) {
    throw clickhouseError(error, 'creating tables and views');
  }
}
