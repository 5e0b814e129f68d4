import { PlatformError } from '@millrace/kernel/errors';
import { PUBLISHED_COLUMNS_QUERY, relationsOf } from '@millrace/schemas/cdc';
import type { PublishedColumn } from '@millrace/schemas/cdc';
import pg from 'pg';
import { connectSource, endQuietly } from '../replication/connect.ts';
import { lockShapes } from './copy-tasks.ts';
import type { SourceTable } from './source-tables.ts';

export interface CopyClients {
  readonly clients: readonly [pg.Client, ...pg.Client[]];
  close(): Promise<void>;
}

/** Connections for a snapshot, each in a transaction that is ready to enter one. */
export async function openCopyClients(
  databaseUrl: string,
  count: number,
  onBroken: (error: Error) => void,
): Promise<CopyClients> {
  const clients: [pg.Client, ...pg.Client[]] = [await connectSource(databaseUrl, { onBroken })];
  const close = async (): Promise<void> => {
    await Promise.all(clients.map(endQuietly));
  };
  try {
    while (clients.length < count) clients.push(await connectSource(databaseUrl, { onBroken }));
    for (const client of clients) await client.query('begin isolation level repeatable read read only');
    return { clients, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Tables whose storage is no longer the one that the snapshot saw: rewritten, truncated or dropped since. */
const REPLACED_QUERY = `
  select n.nspname || '.' || c.relname as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname || '.' || c.relname = any ($1) and c.relkind = 'r'
    and c.relfilenode is distinct from pg_relation_filenode(c.oid)`;

/**
 * Enters an exported snapshot with every connection and locks the tables' shapes until the transactions end: from here on nobody rewrites or truncates
 * them; writers go on.
 *
 * Throws `table-not-capturable` where that happened between the export and the lock, since such a table looks empty in the snapshot, and where a
 * table's columns are not the ones that were read: started again, the producer takes another snapshot. (To lock before the slot is made would be
 * a deadlock that Postgres cannot see: the slot waits for a transaction that waits for our lock.)
 */
export async function enterSnapshot(
  clients: CopyClients['clients'],
  snapshotName: string,
  publication: string,
  tables: readonly SourceTable[],
): Promise<void> {
  const [first] = clients;
  for (const client of clients) await client.query(`set transaction snapshot ${pg.escapeLiteral(snapshotName)}`);
  await lockShapes(first, tables);
  const names = tables.map(({ relation }) => `${relation.schema}.${relation.table}`);
  const replaced = await first.query<{ name: string }>(REPLACED_QUERY, [names]);
  const { rows } = await first.query<PublishedColumn>(PUBLISHED_COLUMNS_QUERY, [publication]);
  const present = new Set(relationsOf(rows).map((relation) => JSON.stringify(relation)));
  const changed = new Set(replaced.rows.map(({ name }) => name));
  for (const [index, { relation }] of tables.entries()) {
    if (!present.has(JSON.stringify(relation))) changed.add(names[index] ?? '');
  }
  if (changed.size === 0) return;
  throw new PlatformError(
    'table-not-capturable',
    `${[...changed].join(', ')} changed while the snapshot was being made: started again, the producer takes another one`,
  );
}
