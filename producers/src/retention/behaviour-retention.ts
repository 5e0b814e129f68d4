import { sleep } from '@millrace/kernel/retry';
import type { Logger } from '@millrace/kernel/telemetry';
import type pg from 'pg';
import { connectSource, endQuietly } from '../replication/connect.ts';

export interface BehaviourRetentionOptions {
  readonly databaseUrl: string;
  /** Sessions in which nothing came for so long are thrown away. */
  readonly days: number;
  /** Rows thrown away. */
  readonly onForgotten: (rows: number) => void;
  readonly logger: Logger;
}

/** An API takes events of the last seven days, and a session must be there for as long as something of it may come. */
export const LEAST_DAYS = 8;
const EVERY_MS = 10 * 60_000;
/** Between two chunks, so that readers of the stream do not wait behind many deletes. */
const PAUSE_MS = 100;
const CHUNK_ROWS = 1_000;

/**
 * Throws old behaviour events away beside the stream, on a connection of its own, until it is stopped. What fails is said, and tried again at the next round: the
 * stream goes on without it.
 */
export function startBehaviourRetention(options: BehaviourRetentionOptions): { stop(): Promise<void> } {
  const stopping = new AbortController();
  // A call, since the compiler takes the loop's condition to hold in the whole body.
  const stopped = (): boolean => stopping.signal.aborted;
  const run = async (): Promise<void> => {
    while (!stopped()) {
      try {
        await round(options, stopping.signal);
      } catch (error) {
        if (stopped()) return;
        options.logger.error(
          { err: error },
          'old behaviour events could not be thrown away: tried again in 10 minutes',
        );
      }
      await sleep(EVERY_MS, stopping.signal).catch(() => undefined);
    }
  };
  const running = run();
  return {
    stop() {
      stopping.abort(new Error('old events are left where they are'));
      return running;
    },
  };
}

async function round(options: BehaviourRetentionOptions, signal: AbortSignal): Promise<void> {
  // A query on a broken connection fails by itself.
  const client = await connectSource(options.databaseUrl, { onBroken: () => undefined });
  try {
    await forgetOld(client, options, signal);
  } finally {
    await endQuietly(client);
  }
}

/** Of the row that was looked at last. */
type Cursor = readonly [createdAt: string, sessionId: string, eventId: string];

/**
 * All that is old now, a thousand rows looked at in a transaction: a session goes whole, when the newest of its events is old, or stays. Nothing that is written
 * meanwhile is waited for, nor makes anything wait.
 */
export async function forgetOld(
  client: pg.Client,
  { days, onForgotten, logger }: Pick<BehaviourRetentionOptions, 'days' | 'onForgotten' | 'logger'>,
  signal?: AbortSignal,
): Promise<void> {
  const { rows: found } = await client.query<{ table: string | null }>(
    `select to_regclass('commerce.behaviour_events')::text as table`,
  );
  if (found[0]?.table == null) return;
  let rows = 0;
  for (let cursor: Cursor | null = null; ;) {
    const { sessions, last } = await olderThan(client, days, cursor);
    if (last === null) break;
    const gone = await client.query(
      `delete from commerce.behaviour_events where session_id = any ($1) and not exists (
         select from commerce.behaviour_events newer
         where newer.session_id = behaviour_events.session_id and newer.created_at >= now() - make_interval(days => $2))`,
      [sessions, days],
    );
    const count = gone.rowCount ?? 0;
    if (count > 0) onForgotten(count);
    rows += count;
    cursor = last;
    await sleep(PAUSE_MS, signal);
  }
  if (rows > 0) logger.info({ rows, days }, 'old behaviour events are thrown away');
}

/** The sessions of the next rows that are old, and the last of the rows; null where there are none. */
async function olderThan(
  client: pg.Client,
  days: number,
  cursor: Cursor | null,
): Promise<{ sessions: readonly string[]; last: Cursor | null }> {
  const { rows } = await client.query<{ created: string; session: string; event: string }>(
    `select created_at::text as created, session_id::text as session, event_id::text as event from commerce.behaviour_events
     where created_at < now() - make_interval(days => $1)
       and (created_at, session_id, event_id) > ($2::timestamptz, $3::uuid, $4::uuid)
     order by created_at, session_id, event_id limit ${CHUNK_ROWS}`,
    [days, ...(cursor ?? ['-infinity', NO_ID, NO_ID])],
  );
  const last = rows.at(-1);
  return {
    sessions: [...new Set(rows.map(({ session }) => session))],
    last: last === undefined ? null : [last.created, last.session, last.event],
  };
}

const NO_ID = '00000000-0000-0000-0000-000000000000';
