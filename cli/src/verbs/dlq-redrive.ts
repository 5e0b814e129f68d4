import { PlatformError } from '@millrace/kernel/errors';
import type { LogClient } from '@millrace/kernel/log';
import { sleep } from '@millrace/kernel/retry';
import { isCdcTopic } from '@millrace/schemas/topics';
import { CaptureClient } from '../capture/index.ts';
import type { Resnapshot } from '../capture/index.ts';
import type { CliConfig } from '../config/index.ts';
import {
  LetterGroups,
  auditRedrives,
  deadLetterTopics,
  parkedAggregates,
  readLetters,
  redriveAll,
  redriveTargets,
} from '../dead-letters/index.ts';
import type { RedriveReport, RedriveTarget } from '../dead-letters/index.ts';
import { EXIT, table } from '../output.ts';
import type { ExitCode, Output } from '../output.ts';
import { repair } from '../verify/index.ts';
import { filterOf } from './dlq-filter.ts';
import { numberAboveZero } from './options.ts';

export type Options = Readonly<Record<string, unknown>>;

/** What a run of `dlq` has open. */
export interface Place {
  readonly config: CliConfig;
  readonly log: LogClient;
}

/** By what is parked, not by letters: those of the past are left alone. Audited when done. */
export async function redrive(
  { config, log }: Place,
  drops: boolean,
  options: Options,
  out: Output,
): Promise<ExitCode> {
  const filter = filterOf(options);
  if (options['all'] !== true && Object.values(filter).every((value) => value === undefined)) {
    throw new PlatformError(
      'config-invalid',
      'say which: --aggregate, --view, --topic, --kind, --since, --before, or --all',
    );
  }
  const { topicPrefix, databaseUrl } = config;
  const rate = options['rate'] === undefined ? null : numberAboveZero(options['rate'], '--rate');
  const parked = await parkedAggregates(config.processorsUrls, topicPrefix);
  const groups = new LetterGroups();
  await readLetters(log, topicPrefix, await deadLetterTopics(log, topicPrefix), (letter) => groups.take(letter));
  const chosen = groups.list(parked, { ...filter, state: 'parked' });
  const targets = redriveTargets(parked).filter(({ processor, aggregate }) =>
    chosen.some((group) => group.processor === processor && group.aggregate === aggregate),
  );
  if (options['dryRun'] === true) {
    out.result({ dryRun: true, targets }, () => targetsText(targets, drops));
    return EXIT.done;
  }
  const reports = await redriveAll(targets, {
    ...{ drops, rate, wait: sleep },
    onDone: ({ processor, aggregate, done, waiting }) =>
      out.note(`${processor} ${aggregate}: ${done} done, ${waiting} wait`),
  });
  await auditRedrives(databaseUrl, drops ? 'dlq.drop' : 'dlq.redrive', reports);
  const read = drops ? await readAgain(config, reports, out) : [];
  out.result({ aggregates: reports, ...(drops ? { readAgain: read } : {}) }, () => reportText(reports));
  return reports.some(({ waiting }) => waiting > 0) ? EXIT.difference : EXIT.done;
}

/** What was dropped is missing in the views until the capture has read the aggregates from the tables again. */
async function readAgain(
  config: CliConfig,
  reports: readonly RedriveReport[],
  out: Output,
): Promise<readonly Resnapshot[]> {
  const scopes = new Map(
    reports
      .filter(({ waiting }) => waiting === 0)
      .flatMap(({ topics, aggregate }) => topics.map((topic) => ({ topic, aggregate })))
      .filter(({ topic }) => isCdcTopic(topic))
      .map((scope) => [`${scope.topic}/${scope.aggregate}`, scope]),
  );
  return repair(new CaptureClient(config.producersUrl), [...scopes.values()], (line) => out.note(line));
}

function targetsText(targets: readonly RedriveTarget[], drops: boolean): string {
  if (targets.length === 0) return 'Nothing that is chosen is parked.';
  const heading = ['processor', 'aggregate', 'topics', 'waiting', 'error'];
  const rows = targets.map((one) => [one.processor, one.aggregate, one.topics.join(' '), one.waiting, one.error]);
  return [`Would ${drops ? 'drop' : 'redrive'}, in this order:`, table([heading, ...rows])].join('\n');
}

function reportText(reports: readonly RedriveReport[]): string {
  if (reports.length === 0) return 'Nothing that is chosen is parked.';
  const heading = ['processor', 'aggregate', 'done', 'waiting', 'error'];
  return table([heading, ...reports.map((one) => [one.processor, one.aggregate, one.done, one.waiting, one.error])]);
}
