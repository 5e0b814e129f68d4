import { PlatformError } from '@millrace/kernel/errors';
import { lsnFromPostgres } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import type pg from 'pg';
import { sqlState } from './connect.ts';

export interface SlotState {
  readonly active: boolean;
  readonly confirmedFlush: Lsn;
  /** Why Postgres will give nothing of it any more; null while it works. */
  readonly invalidated: string | null;
  /** Postgres keeps it on the standbys too (17 and later). */
  readonly failover: boolean;
}

interface SlotRow {
  readonly plugin: string | null;
  readonly database: string | null;
  readonly here: string;
  readonly active: boolean;
  readonly wal_status: string | null;
  readonly invalidation_reason: string | null;
  readonly failover: boolean;
  readonly confirmed_flush_lsn: string | null;
}

/**
 * The slot as Postgres has it, invalidated or not; null where there is none.
 * Throws `replication-slot-unusable` where one of that name is somebody else's.
 */
export async function slotState(client: pg.Client, slot: string): Promise<SlotState | null> {
  const { rows } = await client.query<SlotRow>(
    `select plugin, database, current_database() as here, active, wal_status, confirmed_flush_lsn::text,
            to_jsonb(s) ->> 'invalidation_reason' as invalidation_reason,
            coalesce((to_jsonb(s) ->> 'failover')::boolean, false) as failover
     from pg_replication_slots s where slot_name = $1`,
    [slot],
  );
  const row = rows[0];
  if (row === undefined) return null;
  if (row.database !== row.here) {
    throw unusable(slot, `belongs to database ${row.database ?? '(none)'}, not ${row.here}: choose another SLOT_NAME`);
  }
  if (row.plugin !== 'pgoutput') {
    throw unusable(slot, `uses ${row.plugin ?? 'no plugin'}, not pgoutput: choose another SLOT_NAME`);
  }
  const { active, failover } = row;
  const confirmedFlush = row.confirmed_flush_lsn === null ? 0n : lsnFromPostgres(row.confirmed_flush_lsn);
  return { active, failover, confirmedFlush, invalidated: invalidation(row) };
}

function invalidation({ wal_status, invalidation_reason, confirmed_flush_lsn }: SlotRow): string | null {
  if (invalidation_reason !== null) return invalidation_reason;
  if (wal_status === 'lost') return 'its WAL is gone';
  return confirmed_flush_lsn === null ? 'it has no confirmed position' : null;
}

export interface CreatedSlot {
  readonly consistentPoint: Lsn;
  /** Valid in other sessions while the replication connection that made it does nothing else. */
  readonly snapshotName: string;
}

/**
 * Creates the slot on a replication connection, which then holds the exported snapshot. Postgres waits for every transaction that writes
 * when it begins. `failover` has it kept on the standbys too: throws `config-invalid` before Postgres 17.
 */
export async function createSlot(replication: pg.Client, slot: string, failover: boolean): Promise<CreatedSlot> {
  if (failover) await requireFailover(replication);
  const { rows } = await replication.query<{ consistent_point: string; snapshot_name: string }>(
    `CREATE_REPLICATION_SLOT ${slot} LOGICAL pgoutput (SNAPSHOT 'export'${failover ? ', FAILOVER true' : ''})`,
  );
  const row = rows[0];
  if (row === undefined) throw new PlatformError('replication-protocol', 'CREATE_REPLICATION_SLOT answered nothing');
  return { consistentPoint: lsnFromPostgres(row.consistent_point), snapshotName: row.snapshot_name };
}

/** Has Postgres keep an existing slot, which nobody is using, on the standbys too. */
export async function setFailover(replication: pg.Client, slot: string, failover: boolean): Promise<void> {
  if (failover) await requireFailover(replication);
  await replication.query(`ALTER_REPLICATION_SLOT ${slot} (FAILOVER ${failover})`);
}

async function requireFailover(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ server_version_num: string }>('show server_version_num');
  if (Number(rows[0]?.server_version_num ?? 0) >= 170_000) return;
  throw new PlatformError('config-invalid', 'SLOT_FAILOVER=true needs Postgres 17 or later: set it to false');
}

/** Drops it. Resolves false where another session is using it. */
export async function dropSlot(client: pg.Client, slot: string): Promise<boolean> {
  try {
    await client.query('select pg_drop_replication_slot($1)', [slot]);
    return true;
  } catch (error) {
    if (sqlState(error) === OBJECT_IN_USE) return false;
    if (sqlState(error) === UNDEFINED_OBJECT) return true;
    throw error;
  }
}

export const OBJECT_IN_USE = '55006';
export const UNDEFINED_OBJECT = '42704';

export function unusable(slot: string, what: string): PlatformError {
  return new PlatformError('replication-slot-unusable', `replication slot ${slot} ${what}`, { context: { slot } });
}
