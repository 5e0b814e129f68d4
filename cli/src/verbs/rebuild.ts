import { PlatformError } from '@millrace/kernel/errors';
import { viewNames } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import { CaptureClient } from '../capture/index.ts';
import type { CliConfig } from '../config/index.ts';
import {
  cancelReading,
  earlierReadings,
  generationSizes,
  inputRecords,
  rebuild,
  sourcePlan,
  sourceTables,
  viewNamed,
} from '../generations/index.ts';
import type { GenerationSize, RebuildFrom, RebuildReport, SourcePlan } from '../generations/index.ts';
import type { Verb } from '../main.ts';
import { EXIT, table } from '../output.ts';
import type { Output } from '../output.ts';
import { inPlace } from './generations.ts';
import type { Place } from './generations.ts';
import { wholeNumber } from './options.ts';

export const rebuildVerb: Verb = {
  name: 'rebuild',
  summary:
    'fill a new generation of a view beside the live one, compare it with Postgres, switch readers; exit 3 when it differs',
  define(command) {
    command.argument('<view>', viewNames.join(', '));
    command.option(
      '--from <where>',
      'views: from the entries that the processors have written; cdc: the processors make them anew, also after their state was given another version; source: the same, after the tables were read again into cdc.*',
      'views',
    );
    command.option('--dry-run', 'say what would be read and written, and do nothing');
    command.option(
      '--rate <n>',
      'most entries a second into each store, and, from source, most rows a second of the tables',
    );
    command.option('--wait <ms>', 'how long the filling may stand still', '120000');
    command.option('--cancel', 'give up the generation that is being filled');
  },
  run: (options, name, out) =>
    inPlace(async (place) => {
      const view = viewNamed(name);
      const { from } = options;
      if (from !== 'views' && from !== 'cdc' && from !== 'source') {
        throw new PlatformError('config-invalid', `--from ${String(from)}: there are views, cdc and source`);
      }
      const rate = options['rate'] === undefined ? null : wholeNumber(options['rate'], '--rate');
      if (options['cancel'] === true) {
        await cancel(place, view, out);
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

async function cancel({ rows, config }: Place, view: ViewName, out: Output): Promise<void> {
  const { sourceReading } = await rows.read(view);
  await rows.cancel(view);
  const isRead = sourceReading !== null && !(await cancelReading(config, view, sourceReading));
  out.result(
    { view, cancelled: true },
    () =>
      `Given up; the sinks remove what was filled of ${view}.${isRead ? ' No producer answers: what it reads again of the tables it reads to the end, unless `millrace capture cancel` ends it.' : ''}`,
  );
}

interface RebuildPlan {
  readonly view: string;
  readonly from: RebuildFrom;
  /** What is read of the tables first; null unless from source. */
  readonly source: SourcePlan | null;
  /** Records that the processors read; null where they do not, or none tells how many there are. */
  readonly inputs: number | null;
  readonly active: number;
  /** The generation that is being filled. */
  readonly resumes: number | null;
  readonly stores: readonly GenerationSize[];
  readonly atLeastSeconds: number | null;
}

async function dryRun(
  { rows, clients, config }: Place,
  view: ViewName,
  from: RebuildFrom,
  rate: number | null,
  out: Output,
): Promise<void> {
  const { active, activeLog, building } = await rows.read(view);
  const source = from === 'source' && building === null ? await planOfSource(config, view, rate) : null;
  const inputs = from === 'views' ? null : await inputRecords(config, view, activeLog);
  const stores = await generationSizes(clients, config, view, active);
  const limit = rate === null ? null : Math.ceil(Math.max(...stores.map(({ records }) => records)) / rate);
  const plan = { view, from, source, inputs, active, resumes: building, stores, atLeastSeconds: limit };
  out.result(plan, (of) => planText(of, rate));
}

async function planOfSource(config: CliConfig, view: ViewName, rate: number | null): Promise<SourcePlan> {
  const earlier = await earlierReadings(new CaptureClient(config.producersUrl));
  return sourcePlan(config.databaseUrl, await sourceTables(view), rate, earlier);
}

function planText(plan: RebuildPlan, rate: number | null): string {
  const { view, from, source, inputs, active, resumes, stores, atLeastSeconds } = plan;
  const filled =
    from === 'views'
      ? `views.${view}`
      : `entries that the processors make anew of at most ${inputs === null ? 'an unknown number of' : inputs + (source?.rows ?? 0)} records`;
  return [
    ...(source === null ? [] : sourceText(view, source)),
    `Generation ${active} of ${view} is what readers see; ${resumes === null ? 'a new one would be filled' : `generation ${resumes} would be gone on with`} from ${filled}:`,
    sizesTable(stores),
    'It needs about the same again, until `millrace views drop` gives the former one up.',
    ...(atLeastSeconds === null
      ? []
      : [`At ${rate ?? 0} entries a second it takes ${atLeastSeconds} s or less, by what compaction has left.`]),
  ].join('\n');
}

function sourceText(view: string, { tables, rows, bytes, seconds }: SourcePlan): string[] {
  return [
    `First what ${view} is made from would be read again, while everything runs, and written into the log as rows of a later position:`,
    table([
      ['topic', 'table', 'rows, about', 'bytes'],
      ...tables.map((one) => [one.topic, one.table, one.rows, one.bytes]),
      ['', 'together', rows, bytes],
    ]),
    'The log needs about as many bytes, until its compaction; every view of these tables follows the rows as any change. Rows that the log holds and no table has are deleted in it.',
    seconds === null
      ? 'How long it takes is not known: no re-snapshot of a size has been made here yet, and no `--rate` is given.'
      : `It takes about ${seconds} s, longer while what readers see is more than 3 s old.`,
  ];
}

function sizesTable(stores: readonly GenerationSize[]): string {
  return table([
    ['store', 'records to read, at most', 'documents', 'bytes'],
    ...stores.map(({ store, records, documents, bytes }) => [store, records, documents, bytes]),
  ]);
}

function reportText(report: RebuildReport): string {
  const { view, generation, previous, switched, read, filledMs, verifiedMs, switchMs, verified } = report;
  const checks = table([
    ['store', 'checked', 'missing', 'extra', 'different', 'unsettled'],
    ...verified.map((one) => [one.store, one.checked, one.missing, one.extra, one.different, one.unsettled]),
  ]);
  const source =
    read === null ? '' : `Read ${read.rows} rows of the tables again in ${read.ms} ms (${read.deleted} deleted). `;
  const times = `${source}Filled in ${filledMs} ms, compared in ${verifiedMs} ms`;
  return switched
    ? `${checks}\n${times}, every reader switched ${switchMs ?? 0} ms after the commit. Generation ${generation} of ${view} is live; \`millrace rollback ${view}\` goes back to ${previous}.`
    : `${checks}\n${times}. It differs from Postgres, so readers stay with generation ${previous}; \`millrace rebuild ${view} --cancel\` gives ${generation} up.`;
}
