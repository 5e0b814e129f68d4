import { openPool } from '@millrace/database/connection';
import { sleep } from '@millrace/kernel/retry';
import type { CliConfig } from '../config/index.ts';
import { openStoreClients, readLag } from '../lag/index.ts';
import { worstAges } from '../lag/lag.ts';
import type { Output } from '../output.ts';

const EVERY_MS = 1_000;
/** Without a terminal to rewrite, a line now and then is enough. */
const EVERY_LOGGED_MS = 15_000;

/**
 * Keeps one line up to date until stopped: commits per second of the source and the age of each view in each store.
 * An engine that does not answer is said in the line, and looked for again; it is the supervisor's to mend.
 */
export async function liveLine(config: CliConfig, signal: AbortSignal, out: Output): Promise<void> {
  const terminal = process.stderr.isTTY && !out.json;
  const commits = commitCounter(config.databaseUrl);
  const stopped = () => signal.aborted;
  try {
    while (!stopped()) {
      const line = await oneLine(config, commits).catch((error: unknown) =>
        stopped() ? '' : `waiting: ${error instanceof Error ? error.message : String(error)}`,
      );
      if (stopped()) break;
      if (terminal) process.stderr.write(`\r\x1b[2K${line.slice(0, process.stderr.columns - 1)}`);
      else out.note(line);
      await sleep(terminal ? EVERY_MS : EVERY_LOGGED_MS, signal).catch(() => undefined);
    }
  } finally {
    await commits.close();
  }
}

type CommitCounter = ReturnType<typeof commitCounter>;

async function oneLine(config: CliConfig, commits: CommitCounter): Promise<string> {
  const perSecond = await commits.perSecond();
  const clients = await openStoreClients(config);
  try {
    const ages = worstAges(await readLag(clients, config, Date.now()));
    const freshness = [...ages]
      .map(([name, ageMs]) => `${name} ${ageMs === null ? 'filling' : `${(ageMs / 1000).toFixed(1)}s`}`)
      .join('  ');
    return `${perSecond.toFixed(0)} commits/s   ${freshness}`;
  } finally {
    await clients.close();
  }
}

/** Writing transactions of the source per second, from the growth of its transaction ids: reads take none. */
function commitCounter(databaseUrl: string) {
  const pool = openPool({ connectionString: databaseUrl, max: 1 });
  let before: { xid: number; at: number } | undefined;
  return {
    async perSecond(): Promise<number> {
      const { rows } = await pool.query<{ xid: string }>('select pg_snapshot_xmax(pg_current_snapshot())::text as xid');
      const now = { xid: Number(rows[0]?.xid ?? 0), at: performance.now() };
      const rate = before === undefined ? 0 : ((now.xid - before.xid) * 1000) / (now.at - before.at);
      before = now;
      return rate;
    },
    close: () => pool.end(),
  };
}
