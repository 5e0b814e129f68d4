import type { Lsn } from '@millrace/kernel/position';
import { lsnFromPostgres } from '@millrace/kernel/position';
import { sleep } from '@millrace/kernel/retry';
import type pg from 'pg';
import { connectSource, endQuietly } from '../replication/connect.ts';
import type { Outbox } from './outbox.ts';
import { quotedName } from './pending-events.ts';

export interface OutboxEmptyingOptions {
  readonly databaseUrl: string;
  readonly outbox: Outbox;
  /** What the log holds, without epoch: every commit that ends at or below. */
  readonly acknowledged: () => Lsn;
  /** Events published so far: where it has not grown, there is nothing to look for. */
  readonly published: () => number;
  /** The emptying has failed and ended. */
  readonly onFailure: (error: unknown) => void;
}

/** Empties the outbox beside the stream, on a connection of its own, until it is stopped. */
export function startEmptying(options: OutboxEmptyingOptions): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    const client = await connectSource(options.databaseUrl, { onBroken: options.onFailure });
    try {
      await emptyUntil(stopping.signal, client, options);
    } finally {
      await endQuietly(client);
    }
  };
  const running = run().catch((error: unknown) => {
    if (!stopping.signal.aborted) options.onFailure(error);
  });
  return {
    stop() {
      stopping.abort(new Error('the outbox is left as it is'));
      return running;
    },
  };
}

const EVERY_MS = 500;
/** Looks at least every so many rounds: a commit may be in the log before its rows are to be seen. */
const MOST_SKIPPED = 20;
const LOOK_MS = 25;
/** Rows deleted by one statement. */
const BATCH_ROWS = 1_000;

/**
 * Empties the outbox behind the log. A row goes only when it is certain that the log holds its event: its id was read, the WAL's end was read
 * after that, and the log has acknowledged everything up to that end; so the insert's commit, which lies below, is among it.
 * A row deleted twice, or by another producer, is no harm.
 */
async function emptyUntil(signal: AbortSignal, client: pg.Client, options: OutboxEmptyingOptions): Promise<void> {
  const { outbox } = options;
  const table = quotedName(outbox.table);
  let looked = -1;
  let skipped = 0;
  while (!signal.aborted) {
    const published = options.published();
    if (published !== looked || skipped++ >= MOST_SKIPPED) {
      skipped = 0;
      const { rows } = await client.query<{ id: string }>(
        `select event_id::text as id from ${table} order by event_id limit ${BATCH_ROWS}`,
      );
      const end = await walEnd(client);
      if (rows.length > 0) {
        while (options.acknowledged() < end) await sleep(LOOK_MS, signal);
        const { rowCount } = await client.query(`delete from ${table} where event_id = any ($1)`, [
          rows.map(({ id }) => id),
        ]);
        outbox.metrics.emptied.inc(rowCount ?? 0);
      }
      if (rows.length === BATCH_ROWS) continue;
      looked = published;
    }
    await sleep(EVERY_MS, signal);
  }
}

async function walEnd(client: pg.Client): Promise<Lsn> {
  const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
  return lsnFromPostgres(rows[0]?.lsn ?? '0/0');
}
