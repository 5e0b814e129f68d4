import { randomBytes } from 'node:crypto';
import { connect, withConnection } from '@millrace/database/connection';
import { lsnFromPostgres } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import { EPOCH_QUERY } from '@millrace/schemas/source';
import type { EpochRow } from '@millrace/schemas/source';
import pg from 'pg';

/** A repeatable-read view of the database whose position is known: every commit at or below `lsn` is in it, and no other. */
export interface PinnedDatabase {
  readonly lsn: Lsn;
  /** The database's clock after the pin, ms. */
  readonly atMs: number;
  /** Reads at that position; close it soon, it holds back vacuum. */
  readonly client: pg.Client;
  close(): Promise<void>;
}

/** Times as views write them; sorts of a range stay in memory; and no more than one core of the server, which has other work, for each pin. */
const SETTINGS = `SET LOCAL timezone = 'UTC'; SET LOCAL work_mem = '32MB'; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off`;

/**
 * Pins by a temporary logical slot that exports its snapshot, as the capture's own start does: consistent point and snapshot are one.
 * Waits for the transactions that run at this moment. `slot` is of the capture whose positions are meant.
 * Source: https://www.postgresql.org/docs/current/protocol-replication.html (CREATE_REPLICATION_SLOT … SNAPSHOT 'export').
 */
export async function pinDatabase(databaseUrl: string, slotName: string): Promise<PinnedDatabase> {
  const replicating = { connectionString: databaseUrl, replication: 'database' } as pg.ClientConfig;
  return withConnection(replicating, async (replication) => {
    // The name is made here of hexadecimal digits: nothing from outside enters the statement.
    const slot = `millrace_pin_${randomBytes(6).toString('hex')}`;
    const made = await replication.query<{ consistent_point: string; snapshot_name: string }>(
      `CREATE_REPLICATION_SLOT ${slot} TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export')`,
    );
    const point = made.rows[0];
    if (point === undefined) throw new Error('Postgres answered CREATE_REPLICATION_SLOT without a row');
    const client = await connect(databaseUrl);
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await client.query(`SET TRANSACTION SNAPSHOT ${pg.escapeLiteral(point.snapshot_name)}`);
      await client.query(SETTINGS);
      const clock = await client.query<{ at: Date }>('select clock_timestamp() as at');
      const atMs = clock.rows[0]?.at.getTime() ?? 0;
      const epoch = (await client.query<EpochRow>(EPOCH_QUERY, [slotName])).rows[0]?.epoch ?? 0;
      return { lsn: lsnFromPostgres(point.consistent_point, epoch) - 1n, atMs, client, close: () => client.end() };
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
  });
}
