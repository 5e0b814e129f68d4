import { loadConfig } from '@millrace/kernel/config';
import { PlatformError, isKind } from '@millrace/kernel/errors';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { silentLogger } from '@millrace/kernel/telemetry';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import { cliSettings } from '../config/index.ts';
import type { CliConfig } from '../config/index.ts';
import { LetterGroups, deadLetterTopics, parkedAggregates, readLetters, readable } from '../dead-letters/index.ts';
import type { Letter, LetterFilter, LetterGroup, ParkedAggregate, Readable } from '../dead-letters/index.ts';
import type { Verb } from '../main.ts';
import { EXIT, table } from '../output.ts';
import type { ExitCode, Output } from '../output.ts';
import { filterOf } from './dlq-filter.ts';
import { redrive } from './dlq-redrive.ts';
import type { Options, Place } from './dlq-redrive.ts';
import { wholeNumber } from './options.ts';

export const dlqVerb: Verb = {
  name: 'dlq',
  summary:
    'dead letters: list them by aggregate, show one with its reason, redrive what waits, or drop it; exit 3 when some still waits',
  define(command) {
    command.argument('<what>', 'list, show <aggregate | topic/partition/offset>, redrive or drop');
    command.argument('[which]', 'show: an aggregate, for all its letters in order, or one letter');
    command.option('--view <name>', 'only those of this processor, or of sinks that read this view');
    command.option('--topic <topic>', 'only those that come from this topic');
    command.option('--aggregate <id>', 'only those of this aggregate');
    command.option('--kind <kind>', 'only those with this kind of error (docs/errors.md)');
    command.option('--since <time>', 'only those with a letter since then (ISO 8601)');
    command.option('--before <time>', 'only those whose first letter is older (ISO 8601)');
    command.option('--state <state>', 'only parked, past or kept ones');
    command.option('--most <n>', 'show: letters at most', '20');
    command.option('--all', 'redrive, drop: every parked aggregate, where no other option says which');
    command.option('--dry-run', 'redrive, drop: say what would be done');
    command.option('--rate <n>', 'redrive, drop: aggregates a second at most');
  },
  async run(options, what, out, [, which]) {
    const config = loadConfig(cliSettings);
    const log = createKafkaLog({ brokers: config.kafkaBrokers, clientId: 'millrace-dlq', logger: silentLogger() });
    try {
      const place = { config, log };
      if (what === 'list') return await list(place, filterOf(options), out);
      if (what === 'show') return await show(place, which, options, out);
      if (what === 'redrive' || what === 'drop') return await redrive(place, what === 'drop', options, out);
      throw new PlatformError('config-invalid', `dlq has no ${what ?? ''}: there are list, show, redrive and drop`);
    } finally {
      await log.close();
    }
  },
};

async function list(place: Place, filter: LetterFilter, out: Output): Promise<ExitCode> {
  const letters = await grouped(place, filter, out);
  out.result({ letters }, () => listText(letters));
  return EXIT.done;
}

async function grouped({ config, log }: Place, filter: LetterFilter, out: Output): Promise<LetterGroup[]> {
  const { topicPrefix } = config;
  const groups = new LetterGroups();
  await readLetters(log, topicPrefix, await deadLetterTopics(log, topicPrefix), (letter) => groups.take(letter));
  return groups.list(await parkedOrUnknown(config, out), filter);
}

/** The letters themselves are worth listing where no processor answers. */
async function parkedOrUnknown(config: CliConfig, out: Output): Promise<ParkedAggregate[] | null> {
  try {
    return await parkedAggregates(config.processorsUrls, config.topicPrefix);
  } catch (error) {
    if (!isKind(error, 'engine-unreachable')) throw error;
    out.note('The stream processors do not answer (PROCESSORS_URLS): what still waits is not known.');
    return null;
  }
}

async function show(
  { config, log }: Place,
  which: string | undefined,
  options: Options,
  out: Output,
): Promise<ExitCode> {
  if (which === undefined) {
    throw new PlatformError('config-invalid', 'say which: dlq show <aggregate | topic/partition/offset>');
  }
  const most = wholeNumber(options['most'], '--most');
  const { topicPrefix } = config;
  const found: { letter: Letter; key: Buffer | null; value: Buffer | null }[] = [];
  let more = 0;
  await readLetters(log, topicPrefix, await deadLetterTopics(log, topicPrefix), (letter, { key, value }) => {
    if (letter.id !== which && letter.aggregate !== which) return;
    if (found.length === most) more++;
    else found.push({ letter, key: key && Buffer.from(key), value: value && Buffer.from(value) });
  });
  if (found.length === 0) throw new PlatformError('not-found', `there is no dead letter ${which}: millrace dlq list`);
  const registry = await createSchemaRegistry(config.schemaRegistryUrl);
  const letters: (Letter & Readable)[] = [];
  for (const { letter, key, value } of found) {
    const origin = topicPrefix + letter.origin.topic;
    letters.push({ ...letter, ...(await readable(registry, origin, topicPrefix, key, value)) });
  }
  out.result({ letters, more }, () =>
    [...letters.map(letterText), ...(more > 0 ? [`${more} more (--most)`] : [])].join('\n\n'),
  );
  return EXIT.done;
}

function listText(groups: readonly LetterGroup[]): string {
  if (groups.length === 0) return 'No dead letters.';
  const heading = ['processor', 'topic', 'aggregate', 'state', 'waiting', 'records', 'kind', 'since', 'letter'];
  const rows = groups.map((g) => [
    ...[g.processor, g.topic, g.aggregate, g.state, g.waiting, g.records, g.kind, g.firstAt, g.letter],
  ]);
  return [table([heading, ...rows]), ...groups.map(({ letter, message }) => `${letter}: ${message}`)].join('\n');
}

function letterText(letter: Letter & Readable): string {
  const { id, processor, origin, kind, message, position, at, key } = letter;
  return [
    `${id}  ${at}`,
    `  ${processor} could not process ${key ?? 'a record without a key'} of ${origin.topic}/${origin.partition} at offset ${origin.offset}, position ${position ?? 'unknown'}`,
    `  ${kind}: ${message}`,
    'unreadable' in letter
      ? `  unreadable (${letter.unreadable}): ${letter.bytes}`
      : `  ${JSON.stringify(letter.record, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))}`,
  ].join('\n');
}
