import { loadConfig } from '@millrace/kernel/config';
import { cliSettings } from '../config/index.ts';
import { openStoreClients, readLag } from '../lag/index.ts';
import type { Lag } from '../lag/index.ts';
import type { Verb } from '../main.ts';
import { EXIT, table } from '../output.ts';

async function lags(): Promise<Lag[]> {
  const config = loadConfig(cliSettings);
  const clients = await openStoreClients(config);
  try {
    return await readLag(clients, config, Date.now());
  } finally {
    await clients.close();
  }
}

export const lagVerb: Verb = {
  name: 'lag',
  summary: 'position and freshness of every view, store and partition',
  define: () => undefined,
  async run(_options, _argument, out) {
    out.result({ partitions: await lags() }, ({ partitions }) =>
      table([
        ['view', 'store', 'partition', 'position', 'committed at', 'age ms', 'behind ms'],
        ...partitions.map((lag) => [
          lag.view,
          lag.store,
          lag.partition,
          lag.position,
          lag.committedAt,
          lag.ageMs,
          lag.behindMs,
        ]),
      ]),
    );
    return EXIT.done;
  },
};
