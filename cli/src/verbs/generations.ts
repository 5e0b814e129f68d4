import { loadConfig } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import { lsnText } from '@millrace/kernel/position';
import { cliSettings } from '../config/index.ts';
import type { CliConfig } from '../config/index.ts';
import {
  generationSizes,
  inputRecords,
  openGenerationRows,
  readersSee,
  rebuild,
  viewNamed,
} from '../generations/index.ts';
import type { GenerationRows, GenerationSize, RebuildReport } from '../generations/index.ts';
import { openStoreClients } from '../lag/index.ts';
import type { StoreClients } from '../lag/index.ts';
import type { Verb } from '../main.ts';
import { EXIT, table } from '../output.ts';
import type { Output } from '../output.ts';
import { wholeNumber } from './options.ts';

interface Place {
  readonly config: CliConfig;
  readonly rows: GenerationRows;
  readonly clients: StoreClients;
}

async function inPlace<T>(run: (place: Place) => Promise<T>): Promise<T> {
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

export const rebuildVerb: Verb = {
  name: 'rebuild',
  summary:
    'fill a new generation of a view beside the live one, compare it with Postgres, switch readers; exit 3 when it differs',
  define(command) {
    command.argument('<view>', 'catalog, inventory, pricing or orders');
    command.option(
      '--from <where>',
      'views: from the entries that the processors have written; cdc: the processors make them anew, also after their state was given another version',
      'views',
    );
    command.option('--dry-run', 'say what would be read and written, and do nothing');
    command.option('--rate <n>', 'most entries a second into each store');
    command.option('--wait <ms>', 'how long the filling may stand still', '120000');
    command.option('--cancel', 'give up the generation that is being filled');
  },
  run: (options, name, out) =>
    inPlace(async (place) => {
      const view = viewNamed(name);
      const { from } = options;
      if (from !== 'views' && from !== 'cdc') {
        throw new PlatformError('config-invalid', `--from ${String(from)}: there are views and cdc`);
      }
      const rate = options['rate'] === undefined ? null : wholeNumber(options['rate'], '--rate');
      if (options['cancel'] === true) {
        await place.rows.cancel(view);
        out.result({ view, cancelled: true }, () => `Given up; the sinks remove what was filled of ${view}.`);
        return EXIT.done;
      }
      if (options['dryRun'] === true) {
        await dryRun(place, view, from, rate, out);
        return EXIT.done;
      }
      const waitMs = wholeNumber(options['wait'], '--wait');
      const report = await rebuild(place, { view, from, rate, waitMs, note: (line) => out.note(line) });
      out.result(report, reportText);
      return report.switched ? EXIT.done : EXIT.difference;
    }),
};

async function dryRun(
  { rows, clients, config }: Place,
  view: ReturnType<typeof viewNamed>,
  from: 'views' | 'cdc',
  rate: number | null,
  out: Output,
): Promise<void> {
  const { active, activeLog, building } = await rows.read(view);
  const inputs = from === 'cdc' ? await inputRecords(config, view, activeLog) : null;
  const stores = await generationSizes(clients, config, view, active);
  const limit = rate === null ? null : Math.ceil(Math.max(...stores.map(({ records }) => records)) / rate);
  const plan = { view, from, inputs, active, resumes: building, stores, atLeastSeconds: limit };
  out.result(plan, () =>
    [
      `Generation ${active} of ${view} is what readers see; ${building === null ? 'a new one would be filled' : `generation ${building} would be gone on with`} from ${from === 'cdc' ? `entries that the processors make anew of at most ${inputs ?? 'an unknown number of'} records` : `views.${view}`}:`,
      sizesTable(stores),
      'It needs about the same again, until `millrace views drop` gives the former one up.',
      ...(limit === null
        ? []
        : [`At ${rate ?? 0} entries a second it takes ${limit} s or less, by what compaction has left.`]),
    ].join('\n'),
  );
}

function sizesTable(stores: readonly GenerationSize[]): string {
  return table([
    ['store', 'records to read, at most', 'documents', 'bytes'],
    ...stores.map(({ store, records, documents, bytes }) => [store, records, documents, bytes]),
  ]);
}

function reportText(report: RebuildReport): string {
  const { view, generation, previous, switched, filledMs, verifiedMs, switchMs, verified } = report;
  const checks = table([
    ['store', 'checked', 'missing', 'extra', 'different', 'unsettled'],
    ...verified.map((one) => [one.store, one.checked, one.missing, one.extra, one.different, one.unsettled]),
  ]);
  const times = `Filled in ${filledMs} ms, compared in ${verifiedMs} ms`;
  return switched
    ? `${checks}\n${times}, every reader switched ${switchMs ?? 0} ms after the commit. Generation ${generation} of ${view} is live; \`millrace rollback ${view}\` goes back to ${previous}.`
    : `${checks}\n${times}. It differs from Postgres, so readers stay with generation ${previous}; \`millrace rebuild ${view} --cancel\` gives ${generation} up.`;
}

export const rollbackVerb: Verb = {
  name: 'rollback',
  summary: 'switch every reader of a view back to its previous generation, which is kept up to date for that',
  define(command) {
    command.argument('<view>', 'catalog, inventory, pricing or orders');
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
