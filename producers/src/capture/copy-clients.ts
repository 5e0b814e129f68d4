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
