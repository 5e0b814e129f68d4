import type { Logger } from '@millrace/kernel/telemetry';
import type pg from 'pg';

/** A transaction that the creation of a slot waits for. Never its statement: that may hold row values. */
export interface Blocker {
  /** Null for a prepared transaction, which has no process. */
  readonly pid: number | null;
  /** A prepared transaction's name, else the application's. */
  readonly name: string;
  readonly user: string;
  readonly state: string;
  readonly ageSeconds: number;
}

const BLOCKERS_QUERY = `
  select a.pid, coalesce(a.application_name, '') as name, coalesce(a.usename, '') as "user", coalesce(a.state, '') as state,
         extract(epoch from clock_timestamp() - a.xact_start)::float8 as "ageSeconds"
  from pg_stat_activity a where a.pid = any (pg_blocking_pids($1)) and a.xact_start is not null
  union all
  select null, p.gid, p.owner, 'prepared', extract(epoch from clock_timestamp() - p.prepared)::float8
  from pg_prepared_xacts p where 0 = any (pg_blocking_pids($1))
  order by 5 desc limit 10`;

/** What the backend `waiting` waits for, oldest first. */
export async function blockersOf(client: pg.Client, waiting: number): Promise<Blocker[]> {
  return (await client.query<Blocker>(BLOCKERS_QUERY, [waiting])).rows;
}

/** One sentence with what to do. */
export function blockersText(blockers: readonly Blocker[]): string {
  const names = blockers.map(({ pid, name, user, state, ageSeconds }) => {
    const who =
      pid === null ? `prepared transaction ${name}` : `pid ${pid} (${[name, state].filter(Boolean).join(', ')})`;
    return `${who} of ${user}, open for ${Math.round(ageSeconds)} s`;
  });
  const ends = blockers.map(({ pid, name }) =>
    pid === null ? `rollback prepared '${name.replaceAll("'", "''")}'` : `select pg_terminate_backend(${pid})`,
  );
  return `the slot is made when these transactions have ended: ${names.join('; ')}. To end them: ${ends.join('; ')}`;
}

export interface BlockerWatchOptions {
  readonly client: pg.Client;
  readonly waiting: number;
  readonly logger: Logger;
  readonly everyMs: number;
  /** What is waited for now; empty where nothing is. */
  readonly onBlockers: (blockers: readonly Blocker[]) => void;
}

/** Names, again and again, what `work` waits for, until it is settled. */
export async function namingBlockers<T>(options: BlockerWatchOptions, work: Promise<T>): Promise<T> {
  const { client, waiting, logger, everyMs, onBlockers } = options;
  let said = '';
  let looking = false;
  const look = async (): Promise<void> => {
    const blockers = await blockersOf(client, waiting);
    onBlockers(blockers);
    const pids = blockers.map(({ pid, name }) => pid ?? name).join();
    if (pids !== said && blockers.length > 0) logger.warn({ blockers }, blockersText(blockers));
    said = pids;
  };
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    // A broken connection is told by whoever opened it.
    void look()
      .catch(() => undefined)
      .finally(() => (looking = false));
  }, everyMs);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    onBlockers([]);
  }
}
