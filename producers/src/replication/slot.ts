import { PlatformError } from '@millrace/kernel/errors';
import { lsnFromPostgres } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import type pg from 'pg';
import { sqlState } from './connect.ts';

export interface SlotState {
  readonly active: boolean;
  readonly confirmedFlush: Lsn;
}

interface SlotRow {
  readonly plugin: string | null;
  readonly database: string | null;
  readonly here: string;
  readonly active: boolean;
  readonly wal_status: string | null;
  readonly invalidation_reason: string | null;
  readonly confirmed_flush_lsn: string | null;
}

/** The slot as Postgres has it; null where there is none. Throws `replication-slot-unusable` where one of that name cannot serve. */
export async function slotState(client: pg.Client, slot: string): Promise<SlotState | null> {
  const { rows } = await client.query<SlotRow>(
    `select plugin, database, current_database() as here, active, wal_status, invalidation_reason, confirmed_flush_lsn::text
     from pg_replication_slots where slot_name = $1`,
    [slot],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const drop = `drop it (select pg_drop_replication_slot('${slot}')), delete the cdc topics and start again`;
  if (row.database !== row.here) {
    throw unusable(slot, `belongs to database ${row.database ?? '(none)'}, not ${row.here}: choose another SLOT_NAME`);
  }
  if (row.plugin !== 'pgoutput') {
    throw unusable(slot, `uses ${row.plugin ?? 'no plugin'}, not pgoutput: choose another SLOT_NAME`);
  }
  if (row.wal_status === 'lost' || row.invalidation_reason !== null) {
    throw unusable(slot, `was invalidated by Postgres (${row.invalidation_reason ?? 'its WAL is gone'}): ${drop}`);
  }
  if (row.confirmed_flush_lsn === null) throw unusable(slot, `has no confirmed position: ${drop}`);
  return { active: row.active, confirmedFlush: lsnFromPostgres(row.confirmed_flush_lsn) };
}

export interface CreatedSlot {
  readonly consistentPoint: Lsn;
  /** Valid in other sessions while the replication connection that made it does nothing else. */
  readonly snapshotName: string;
}

/** Creates the slot on a replication connection, which then holds the exported snapshot. */
export async function createSlot(replication: pg.Client, slot: string): Promise<CreatedSlot> {
  const { rows } = await replication.query<{ consistent_point: string; snapshot_name: string }>(
    `CREATE_REPLICATION_SLOT ${slot} LOGICAL pgoutput (SNAPSHOT 'export')`,
  );
  const row = rows[0];
  if (row === undefined) throw new PlatformError('replication-protocol', 'CREATE_REPLICATION_SLOT answered nothing');
  return { consistentPoint: lsnFromPostgres(row.consistent_point), snapshotName: row.snapshot_name };
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
