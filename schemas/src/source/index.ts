import { lsnFromPostgres } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';

/**
 * The epoch of each capture of a source, by its slot, in the source itself: `(slot text primary key, epoch smallint)`; no row is epoch 0. The
 * capture writes it before it makes a slot whose positions carry it, so a commit's position is known where it is committed, with no way to
 * the log. Which epoch is the right one, the log alone knows: the capture mends the row at every start.
 */
export const EPOCHS_TABLE = 'millrace.capture_epochs';

/** The epoch of the slot `$1`, as of the transaction that asks. */
export const EPOCH_QUERY = `select epoch from ${EPOCHS_TABLE} where slot = $1`;

export interface EpochRow {
  readonly epoch: number;
}

/** Where a source ends now; `$1` is the slot of the capture that is asked for. */
export const POSITION_NOW_QUERY = `
  select pg_current_wal_flush_lsn()::text as lsn, (${EPOCH_QUERY}) as epoch`;

export interface PositionNowRow {
  readonly lsn: string;
  readonly epoch: number | null;
}

/** At or above the position of everything that was committed before the query, and below all that is committed after it. */
export function positionNow(row: PositionNowRow | undefined): Lsn {
  return lsnFromPostgres(row?.lsn ?? '', row?.epoch ?? 0) - 1n;
}
