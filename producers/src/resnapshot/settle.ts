import type pg from 'pg';
import { sleep } from '@millrace/kernel/retry';
import type { ChangeWindow } from './change-window.ts';
import { Visibility, low } from './visibility.ts';

const LOOK_MS = 20;

/** Sessions of these transactions that wait for their client: they had not begun to commit when this was asked. */
const IDLE_QUERY = `
  select backend_xid::text as id from pg_stat_activity
  where backend_xid is not null and state in ('idle in transaction', 'idle in transaction (aborted)')`;

/**
 * Waits until no transaction that was published before the window was opened can still be unseen by a snapshot.
 *
 * A commit is in the WAL, and so in the stream, before other sessions see it; with synchronous replication long before. Those that were
 * published after the window was opened are in it. One from before is among the transactions that are running now; each of these is clear once
 * it has ended, once it is seen to commit (so it is in the window), or once its session was idle in it (so it had not committed).
 * `onWaiting` is told of those that hold it up, and of none at the end.
 */
export async function settled(
  sql: pg.Client,
  window: ChangeWindow,
  onWaiting: (running: readonly string[]) => void,
  signal: AbortSignal,
): Promise<void> {
  let unclear: readonly string[] | null = null;
  for (;;) {
    const visibility = await currentVisibility(sql);
    const running = new Set(visibility.running);
    const candidates: readonly string[] = unclear ?? visibility.running;
    unclear = candidates.filter((id) => running.has(id) && !window.hasSeen(low(id)));
    if (unclear.length > 0) {
      const { rows } = await sql.query<{ id: string }>(IDLE_QUERY);
      const idle = new Set(rows.map(({ id }) => Number(id)));
      unclear = unclear.filter((id) => !idle.has(low(id)));
    }
    onWaiting(unclear);
    if (unclear.length === 0) return;
    window.forget(visibility);
    await sleep(LOOK_MS, signal);
  }
}

async function currentVisibility(sql: pg.Client): Promise<Visibility> {
  const { rows } = await sql.query<{ snapshot: string }>('select pg_current_snapshot()::text as snapshot');
  return new Visibility(rows[0]?.snapshot ?? '');
}
