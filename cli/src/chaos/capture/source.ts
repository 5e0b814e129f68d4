import { DatabaseError } from 'pg';
import type { Client } from 'pg';
import { connect } from '@millrace/database/connection';
import { PlatformError, isKind } from '@millrace/kernel/errors';
import { lsnFromPostgres } from '@millrace/kernel/position';
import { sleep } from '@millrace/kernel/retry';
import type { ChaosPlace } from '../place.ts';

const SETTLE_MS = 120_000;
const OUTBOX_MS = 20_000;
const LOCK_MS = 300;

/** Transactions in progress are sent from the smallest size on, so that kills fall into the spool's replay too. */
export async function prepareSource(databaseUrl: string, { slotName }: ChaosPlace): Promise<void> {
  const client = await connect(databaseUrl);
  await client.query(`alter database ${slotName} set logical_decoding_work_mem = '64kB'`).finally(() => client.end());
}

/** Resolves when the slot has been told of everything that is committed now. `streaming` is asked for a producer again and again. */
export async function settled(place: ChaosPlace, streaming: () => Promise<unknown>): Promise<void> {
  const client = await connect(place.databaseUrl);
  try {
    const end = await lsnOf(client, 'select pg_current_wal_insert_lsn()::text as lsn');
    const confirmed = `select confirmed_flush_lsn::text as lsn from pg_replication_slots where slot_name = '${place.slotName}'`;
    const deadlineMs = performance.now() + SETTLE_MS;
    while ((await lsnOf(client, confirmed)) < end) {
      if (performance.now() > deadlineMs)
        throw new PlatformError('internal', 'the slot does not reach the end of the WAL');
      await streaming();
      await sleep(50);
    }
  } finally {
    await client.end();
  }
}

/** What the outbox holds once it had the time to be emptied. */
export async function outboxRows(place: ChaosPlace): Promise<number> {
  const client = await connect(place.databaseUrl);
  try {
    const deadlineMs = performance.now() + OUTBOX_MS;
    for (;;) {
      const { rows } = await client.query<{ n: number }>('select count(*)::int as n from commerce.outbox_events');
      if (rows[0]?.n === 0 || performance.now() > deadlineMs) return rows[0]?.n ?? 0;
      await sleep(100);
    }
  } finally {
    await client.end();
  }
}

/** So long a connection to this database may be silent before Postgres ends it; of those that are made from now on. */
export async function withSenderTimeout({ databaseUrl, slotName }: ChaosPlace, timeout: string): Promise<void> {
  const client = await connect(databaseUrl);
  await client.query(`alter database ${slotName} set wal_sender_timeout = '${timeout}'`).finally(() => client.end());
}

/** The slot as it stands. */
export interface SlotNow {
  /** Process id of the connection that streams from it; null where none does. */
  readonly sender: number | null;
  /** Bytes of WAL that it keeps. */
  readonly retained: number;
  readonly confirmed: bigint;
  /** The WAL's end. */
  readonly end: bigint;
}

export async function slotNow({ databaseUrl, slotName }: ChaosPlace): Promise<SlotNow> {
  const client = await connect(databaseUrl);
  const { rows } = await client
    .query<{ sender: number | null; retained: number; confirmed: string; end: string }>(
      `select active_pid as sender, (pg_current_wal_lsn() - restart_lsn)::float8 as retained,
         confirmed_flush_lsn::text as confirmed, pg_current_wal_insert_lsn()::text as end
       from pg_replication_slots where slot_name = $1`,
      [slotName],
    )
    .finally(() => client.end());
  const [slot] = rows;
  if (slot === undefined) throw new PlatformError('replication-slot-unusable', `there is no slot ${slotName}`);
  return { ...slot, confirmed: lsnFromPostgres(slot.confirmed), end: lsnFromPostgres(slot.end) };
}

/** Ends the connection of whoever streams from the slot. */
export async function endStream({ databaseUrl, slotName }: ChaosPlace): Promise<void> {
  const client = await connect(databaseUrl);
  const end = 'select pg_terminate_backend(active_pid, 5000) from pg_replication_slots where slot_name = $1 and active';
  await client.query(end, [slotName]).finally(() => client.end());
}

/**
 * One transaction of statements, which may be repeated: tried again where someone holds the table, and where the server went away. Waits briefly
 * for a lock, so that writers do not queue behind it.
 */
export async function changeSchema(
  databaseUrl: string,
  statements: readonly string[],
  patienceMs: number,
): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    try {
      const client = await connect(databaseUrl);
      const all = ['begin', `set local lock_timeout = ${LOCK_MS}`, ...statements, 'commit'].join('; ');
      await client.query(all).finally(() => client.end().catch(() => undefined));
      return;
    } catch (error) {
      const busy = error instanceof DatabaseError && /^(55P03|40P01)$/.test(error.code ?? '');
      if ((!busy && !isAway(error)) || performance.now() > deadlineMs) throw error;
      await sleep(LOCK_MS);
    }
  }
}

/** Connection lost or refused, the server starting or ending. */
export function isAway(error: unknown): boolean {
  if (isKind(error, 'engine-unreachable')) return true;
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return /^(57P0[123]|08...|ECONN.*|EPIPE)$/.test(code) || /terminat|ended|closed|not queryable/i.test(error.message);
}

async function lsnOf(client: Client, query: string): Promise<bigint> {
  const { rows } = await client.query<{ lsn: string }>(query);
  return lsnFromPostgres(rows[0]?.lsn ?? '0/0');
}
