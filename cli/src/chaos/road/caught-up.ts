import { withConnection } from '@millrace/database/connection';
import { PlatformError } from '@millrace/kernel/errors';
import { lsnFromPostgres, lsnText } from '@millrace/kernel/position';
import { sleep } from '@millrace/kernel/retry';
import type { CliConfig } from '../../config/index.ts';
import { openStoreViews } from '../../verify/index.ts';

/** However slow the machine is, something moves within this time. */
const STILL_MS = 300_000;
const NOTE_MS = 15_000;
const LOOK_MS = 250;

/**
 * Resolves when every view in every store has reached what is committed at the call.
 * @throws PlatformError `view-behind` where none of those that are behind moves any more.
 */
export async function caughtUp(config: CliConfig, note: (text: string) => void): Promise<void> {
  const goal = await committedTo(config.databaseUrl);
  const stores = await openStoreViews(config);
  let movedMs = performance.now();
  let notedMs = movedMs;
  let before = '';
  try {
    for (;;) {
      const applied = await Promise.all(
        stores.views.map(async (view) => ({ name: `${view.view}@${view.store}`, at: (await view.applied()).lsn })),
      );
      const behind = applied.filter(({ at }) => at < goal);
      if (behind.length === 0) return;
      const text = behind.map(({ name, at }) => `${name} at ${lsnText(at)}`).join(', ');
      const nowMs = performance.now();
      if (text !== before) movedMs = nowMs;
      before = text;
      if (nowMs - movedMs > STILL_MS) {
        throw new PlatformError('view-behind', `nothing moves towards ${lsnText(goal)} any more: ${text}`);
      }
      if (nowMs - notedMs > NOTE_MS) {
        notedMs = nowMs;
        note(`${behind.length} views have not reached the last commit yet.`);
      }
      await sleep(LOOK_MS);
    }
  } finally {
    await stores.close();
  }
}

function committedTo(databaseUrl: string): Promise<bigint> {
  return withConnection(databaseUrl, async (client) => {
    const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
    return lsnFromPostgres(rows[0]?.lsn ?? '0/0') - 1n;
  });
}
