import { loadConfig } from '@millrace/kernel/config';
import { lsnText } from '@millrace/kernel/position';
import { viewNames } from '@millrace/schemas/stores';
import { cliSettings } from '../config/index.ts';
import type { CliConfig } from '../config/index.ts';
import { openGenerationRows, readersSee, viewNamed } from '../generations/index.ts';
import type { GenerationRows } from '../generations/index.ts';
import { openStoreClients } from '../lag/index.ts';
import type { StoreClients } from '../lag/index.ts';
import type { Verb } from '../main.ts';
import { EXIT } from '../output.ts';
import type { Output } from '../output.ts';
import { wholeNumber } from './options.ts';

/** What a verb about generations works on. */
export interface Place {
  readonly config: CliConfig;
  readonly rows: GenerationRows;
  readonly clients: StoreClients;
}

/** Opens it for one verb. */
export async function inPlace<T>(run: (place: Place) => Promise<T>): Promise<T> {
  const config = loadConfig(cliSettings);
  const clients = await openStoreClients(config);
  try {
    const rows = await openGenerationRows(config.databaseUrl);
    try {
      return await run({ config, rows, clients });
    } finally {
      await rows.close();
    }
  } finally {
    await clients.close();
  }
}

export const rollbackVerb: Verb = {
  name: 'rollback',
  summary: 'switch every reader of a view back to its previous generation, which is kept up to date for that',
  define(command) {
    command.argument('<view>', viewNames.join(', '));
    command.option('--wait <ms>', 'how long readers may take to follow', '30000');
  },
  run: (options, name, out) =>
    inPlace(async ({ rows, clients, config }) => {
      const view = viewNamed(name);
      const startedMs = Date.now();
      const position = await rows.rollback(view);
      const { active, previous } = await rows.read(view);
      await readersSee(clients, config, view, active, wholeNumber(options['wait'], '--wait'));
      const answer = { view, active, previous, position: lsnText(position), switchMs: Date.now() - startedMs };
      out.result(answer, () => `Generation ${active} of ${view} is live again, after ${answer.switchMs} ms.`);
      return EXIT.done;
    }),
};

/** `millrace views drop <view>`. */
export async function dropPrevious(name: string | undefined, out: Output): Promise<void> {
  await inPlace(async ({ rows }) => {
    const view = viewNamed(name);
    const { previous } = await rows.read(view);
    await rows.dropPrevious(view);
    out.result(
      { view, dropped: previous },
      () => `Generation ${previous ?? ''} of ${view} is given up; the sinks remove it.`,
    );
  });
}
