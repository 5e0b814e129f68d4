import { PlatformError } from '@millrace/kernel/errors';
import { sleep } from '@millrace/kernel/retry';
import type { ViewName } from '@millrace/schemas/stores';
import type { CliConfig } from '../config/index.ts';
import { clickhouseMarks, redisGenerations, searchGeneration, storesHolding } from '../lag/index.ts';
import type { StoreClients } from '../lag/index.ts';

/** Resolves when readers of every store that holds the view see the generation. */
export async function readersSee(
  clients: StoreClients,
  config: CliConfig,
  view: ViewName,
  generation: number,
  waitMs: number,
): Promise<void> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const seen = await Promise.all(
      storesHolding(view).map(async (store) => {
        if (store === 'redis') return (await redisGenerations(clients, config))(view);
        if (store === 'elasticsearch') return searchGeneration(clients, config);
        return (await clickhouseMarks(clients)).find((mark) => mark.view === view)?.generation;
      }),
    );
    if (seen.every((one) => one === generation)) return;
    if (Date.now() > deadline) {
      throw new PlatformError(
        'view-behind',
        `the switch of ${view} to generation ${generation} is committed, but readers of a store do not see it after ${waitMs} ms: do the sinks run (\`millrace status\`)? They follow it when they do`,
      );
    }
    await sleep(20);
  }
}
