import { loadConfig } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import { lsnText } from '@millrace/kernel/position';
import { firstOnly } from '@millrace/schemas/generations';
import { FIRST_LOG, topicOfLog, viewNames } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import { cliSettings } from '../config/index.ts';
import type { CliConfig } from '../config/index.ts';
import { openGenerationRows } from '../generations/index.ts';
import { generationMarks, older, openStoreClients, storesHolding } from '../lag/index.ts';
import type { StoreClients, StoreMark } from '../lag/index.ts';
import type { Verb } from '../main.ts';
import { EXIT, table } from '../output.ts';
import { dropPrevious } from './generations.ts';

interface ViewSummary {
  readonly view: string;
  readonly store: string;
  readonly generation: number;
  /** active: what readers see; building: being filled; previous: kept for a rollback. */
  readonly role: 'active' | 'building' | 'previous';
  /** The topic whose entries it holds. */
  readonly log: string;
  readonly partitions: number;
  /** As far as its slowest partition; null where it has none yet. */
  readonly position: string | null;
  readonly ageMs: number | null;
}

export const viewsVerb: Verb = {
  name: 'views',
  summary:
    'every view: where it is held, its generations, their positions and age; `views drop <view>` gives the previous one up',
  define(command) {
    command.argument('[action]', 'drop');
    command.argument('[view]', 'drop: of this view');
  },
  async run(_options, action, out, [, view]) {
    if (action === 'drop') {
      await dropPrevious(view, out);
      return EXIT.done;
    }
    if (action !== undefined) {
      throw new PlatformError('config-invalid', `no action ${action}: there is drop, and the list without any`);
    }
    const config = loadConfig(cliSettings);
    const clients = await openStoreClients(config);
    try {
      out.result({ views: await summaries(clients, config, Date.now()) }, ({ views }) =>
        table([
          ['view', 'store', 'generation', 'role', 'log', 'partitions', 'position', 'age ms'],
          ...views.map((v) => [v.view, v.store, v.generation, v.role, v.log, v.partitions, v.position, v.ageMs]),
        ]),
      );
      return EXIT.done;
    } finally {
      await clients.close();
    }
  },
};

async function summaries(clients: StoreClients, config: CliConfig, nowMs: number): Promise<ViewSummary[]> {
  const rows = await openGenerationRows(config.databaseUrl);
  try {
    const known = new Map((await rows.all()).map((row) => [row.view, row]));
    const found: ViewSummary[] = [];
    for (const view of viewNames) {
      const row = known.get(view) ?? firstOnly;
      for (const [role, generation, number] of [
        ['active', row.active, row.activeLog],
        ['building', row.building, row.buildingLog],
        ['previous', row.previous, row.previousLog],
      ] as const) {
        if (generation === null) continue;
        const marks = await generationMarks(clients, config, view, generation);
        const log = topicOfLog(view, number ?? FIRST_LOG);
        for (const store of storesHolding(view)) {
          found.push({ view, store, generation, role, log, ...lowest(marks, view, store, nowMs) });
        }
      }
    }
    return found;
  } finally {
    await rows.close();
  }
}

function lowest(all: readonly StoreMark[], view: ViewName, store: string, nowMs: number) {
  const marks = all.filter((mark) => mark.view === view && mark.store === store);
  const [first] = marks;
  const ages = marks.map(({ committedAtMs }) => (committedAtMs === 0 ? null : Math.max(0, nowMs - committedAtMs)));
  return {
    partitions: marks.length,
    position: first === undefined ? null : lsnText(marks.reduce((low, { lsn }) => (lsn < low ? lsn : low), first.lsn)),
    ageMs: ages.length === 0 ? null : ages.reduce(older),
  };
}
