import { openPool } from '@millrace/database/connection';
import { sleep } from '@millrace/kernel/retry';
import type { CliConfig } from '../config/index.ts';
import type { Output } from '../output.ts';
import { leaveCarts, loadDemoShop, traffic } from '../shop/index.ts';

const SEED = 'millrace';
/** What other programs write by plain SQL, past the API. */
const SQL_SHARE = 0.3;
const AGAIN_MS = 2_000;

/** Loads the demo shop if it isn't there, then drives gentle traffic until stopped. A database that went away is waited for: the load goes on where it was. */
export async function playShop(config: CliConfig, tps: number, signal: AbortSignal, out: Output): Promise<void> {
  await untilLoaded(config, signal, out);
  if (signal.aborted || tps <= 0) return;
  await traffic({
    tps,
    apiUrl: config.apiUrl,
    databaseUrl: config.databaseUrl,
    share: SQL_SHARE,
    seed: SEED,
    signal,
  });
}

async function untilLoaded(config: CliConfig, signal: AbortSignal, out: Output): Promise<void> {
  const stopped = () => signal.aborted;
  while (!stopped()) {
    const pool = openPool({ connectionString: config.databaseUrl, max: 2 });
    try {
      let told = 0;
      const { commits } = await loadDemoShop(pool, {
        seed: SEED,
        signal,
        onProgress: (done, total) => {
          if (done < total && Date.now() - told < 2_000) return;
          told = Date.now();
          out.note(`Demo shop: ${done} of ${total} commits`);
        },
      });
      if (commits === 0) out.note('Demo shop: loaded already.');
      await leaveCarts(pool);
      return;
    } catch (error) {
      if (stopped()) return;
      out.note(`Demo shop: ${error instanceof Error ? error.message : String(error)}; trying again.`);
      await sleep(AGAIN_MS, signal).catch(() => undefined);
    } finally {
      await pool.end();
    }
  }
}
