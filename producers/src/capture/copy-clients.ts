import { PlatformError } from '@millrace/kernel/errors';
import { PUBLISHED_COLUMNS_QUERY, relationsOf } from '@millrace/schemas/cdc';
import type { PublishedColumn } from '@millrace/schemas/cdc';
import type pg from 'pg';
import { connectSource, endQuietly } from '../replication/connect.ts';
import { lockShapes } from './copy-tasks.ts';
import type { SourceTable } from './source-tables.ts';

export interface CopyClients {
  readonly clients: readonly [pg.Client, ...pg.Client[]];
  close(): Promise<void>;
}

/**
 * Connections for a snapshot, each in a transaction that is ready to take it, the tables' shapes locked. Open them before the snapshot is exported:
 * a table that is rewritten between would look empty in it, and its rows would never come.
 */
export async function openCopyClients(
  databaseUrl: string,
  count: number,
  tables: readonly SourceTable[],
  onBroken: (error: Error) => void,
): Promise<CopyClients> {
  const first = await connectSource(databaseUrl, { onBroken });
  const clients: [pg.Client, ...pg.Client[]] = [first];
  const close = async (): Promise<void> => {
    await Promise.all(clients.map(endQuietly));
  };
  try {
    while (clients.length < count) clients.push(await connectSource(databaseUrl, { onBroken }));
    for (const client of clients) await client.query('begin isolation level repeatable read read only');
    await lockShapes(first, tables);
    return { clients, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Once the shapes are locked: are they still the ones that were read? Throws `table-not-capturable` where a table was changed in between; started
 * again, the producer takes the new one.
 */
export async function expectShapes(sql: pg.Client, publication: string, tables: readonly SourceTable[]): Promise<void> {
  const { rows } = await sql.query<PublishedColumn>(PUBLISHED_COLUMNS_QUERY, [publication]);
  const present = new Set(relationsOf(rows).map((relation) => JSON.stringify(relation)));
  const changed = tables.filter(({ relation }) => !present.has(JSON.stringify(relation)));
  if (changed.length === 0) return;
  const names = changed.map(({ relation }) => `${relation.schema}.${relation.table}`).join(', ');
  throw new PlatformError('table-not-capturable', `${names} changed while the producer was starting: start it again`);
}
