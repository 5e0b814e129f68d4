import type { Logger } from '@millrace/kernel/telemetry';
import { EPOCHS_TABLE } from '@millrace/schemas/source';
import type pg from 'pg';
import { sqlState } from '../replication/connect.ts';

const CREATE = `
  create schema if not exists millrace;
  create table if not exists ${EPOCHS_TABLE} (
    slot  text primary key,
    epoch smallint not null check (epoch between 0 and 127)
  )`;
const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Tells the source the epoch of its positions, for those who hand out positions of what they commit there. A source that has never needed one is
 * left as it is. Where the role may not, that is said, and the capture goes on: only waiting reads suffer.
 */
export async function noteEpoch(sql: pg.Client, slot: string, epoch: number, logger: Logger): Promise<void> {
  const { rows } = await sql.query<{ there: boolean }>(`select to_regclass($1) is not null as there`, [EPOCHS_TABLE]);
  const isThere = rows[0]?.there === true;
  if (!isThere && epoch === 0) return;
  try {
    if (!isThere) await sql.query(CREATE);
    await sql.query(
      `insert into ${EPOCHS_TABLE} as known (slot, epoch) select $1, $2::smallint
       where $2 > 0 or exists (select from ${EPOCHS_TABLE} where slot = $1)
       on conflict (slot) do update set epoch = excluded.epoch where known.epoch <> excluded.epoch`,
      [slot, epoch],
    );
  } catch (error) {
    if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) throw error;
    logger.warn(
      { err: error, slot, epoch },
      `the capture's role may not write ${EPOCHS_TABLE}: reads that wait for a commit do not wait long enough; grant it, or create on the database`,
    );
  }
}
