import { loadConfig } from '@millrace/kernel/config';
import { cliSettings } from '../config/index.ts';
import { older, openStoreClients, readLag } from '../lag/index.ts';
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

interface ViewSummary {
  readonly view: string;
  readonly store: string;
  readonly generation: number;
  readonly partitions: number;
  readonly position: string;
  readonly ageMs: number | null;
}

export const viewsVerb: Verb = {
  name: 'views',
  summary: 'every view: where it is held, its generation, its position and age',
  define: () => undefined,
  async run(_options, _argument, out) {
    out.result({ views: summaries(await lags()) }, ({ views }) =>
      table([
        ['view', 'store', 'generation', 'partitions', 'position', 'age ms'],
        ...views.map((v) => [v.view, v.store, v.generation, v.partitions, v.position, v.ageMs]),
      ]),
    );
    return EXIT.done;
  },
};

/** One line a view and store: as far as its slowest partition. */
function summaries(partitions: readonly Lag[]): ViewSummary[] {
  const byView = new Map<string, ViewSummary>();
  for (const lag of partitions) {
    const name = `${lag.view}@${lag.store}`;
    const before = byView.get(name);
    byView.set(name, {
      view: lag.view,
      store: lag.store,
      generation: 1,
      partitions: (before?.partitions ?? 0) + 1,
      position: before !== undefined && before.position < lag.position ? before.position : lag.position,
      ageMs: before === undefined ? lag.ageMs : older(before.ageMs, lag.ageMs),
    });
  }
  return [...byView.values()];
}
