import { loadConfig } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { lsnFromText } from '@millrace/kernel/position';
import { silentLogger } from '@millrace/kernel/telemetry';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import { topicOfLog, viewNames } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import { createViewCodec } from '@millrace/schemas/views';
import type { ReplayScope } from '@millrace/schemas/views';
import { cliSettings } from '../config/index.ts';
import type { CliConfig } from '../config/index.ts';
import { openGenerationRows } from '../generations/index.ts';
import type { Verb } from '../main.ts';
import { EXIT, table } from '../output.ts';
import type { Output } from '../output.ts';
import { SinksClient, entriesOf, previewReplay, replayOver } from '../replay/index.ts';
import type { SinkReplay, StorePreview } from '../replay/index.ts';
import { openStoreViews } from '../verify/index.ts';
import { numberAboveZero } from './options.ts';

type Options = Readonly<Record<string, unknown>>;

export const replayVerb: Verb = {
  name: 'replay',
  summary:
    'gives the stores entries of a view’s log again, by position, time, aggregate or tenant; --dry-run says what would change',
  define(command) {
    command.argument('<view>', viewNames.join(', '));
    command.option('--from <position>', 'entries of commits from this position on (20 digits)');
    command.option('--since <time>', 'entries of commits since then (ISO 8601)');
    command.option('--aggregate <ids>', 'entries of these products, orders or carts, by comma');
    command.option('--tenant <id>', 'entries of this tenant, and deletes');
    command.option('--all', 'everything that the log holds');
    command.option('--store <sink>', 'one sink alone, as /status names it');
    command.option('--rate <n>', 'entries a second at most, for each sink');
    command.option('--dry-run', 'compare with what readers see, and change nothing');
    command.option('--cancel', 'end the one that goes on');
  },
  async run(options, view, out) {
    const name = viewNamed(view);
    const config = loadConfig(cliSettings);
    const sinks = new SinksClient(config.sinksUrl);
    const sink = textOf(options, 'store');
    if (options['cancel'] === true) {
      const cancelled = await sinks.cancel(name, sink);
      out.result({ cancelled }, () => `No replay of ${name} in ${cancelled.join(', ')} any more.`);
      return EXIT.done;
    }
    const scope = scopeOf(options);
    if (options['dryRun'] === true) {
      const stores = await preview(config, name, sink, scope, out);
      out.result({ dryRun: true, stores }, () => previewText(stores));
      return EXIT.done;
    }
    const rate = options['rate'] === undefined ? null : numberAboveZero(options['rate'], '--rate');
    const asked = await sinks.replay({ view: name, sink, scope, rate });
    const replays = await untilOver(sinks, asked, out);
    out.result({ replays }, () => replaysText(replays));
    return replays.every(({ state }) => state === 'done') ? EXIT.done : EXIT.failed;
  },
};

function viewNamed(view: string | undefined): ViewName {
  const found = viewNames.find((one) => one === view);
  if (found === undefined) throw new PlatformError('config-invalid', `say which view: ${viewNames.join(', ')}`);
  return found;
}

function scopeOf(options: Options): ReplayScope {
  const [from, since, aggregate] = [textOf(options, 'from'), textOf(options, 'since'), textOf(options, 'aggregate')];
  const scope: ReplayScope = {
    fromLsn: from === null ? null : positionOf(from),
    sinceMs: since === null ? null : timeOf(since),
    aggregates: aggregate === null ? null : new Set(aggregate.split(',').map((id) => id.trim())),
    tenant: textOf(options, 'tenant'),
  };
  if (options['all'] !== true && Object.values(scope).every((part) => part === null)) {
    throw new PlatformError('config-invalid', 'say which entries: --from, --since, --aggregate, --tenant, or --all');
  }
  return scope;
}

function positionOf(text: string): bigint {
  if (/^\d{20}$/.test(text)) return lsnFromText(text);
  throw new PlatformError('config-invalid', '--from must be a position of 20 digits, as `views` and `trace` print it');
}

function timeOf(text: string): number {
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  throw new PlatformError('config-invalid', '--since must be a time such as 2026-11-22T10:00:00Z');
}

function textOf(options: Options, name: string): string | null {
  const value = options[name];
  return typeof value === 'string' ? value : null;
}

/** Of the generations that readers see, and of the log that they follow. */
async function preview(
  config: CliConfig,
  view: ViewName,
  sink: string | null,
  scope: ReplayScope,
  out: Output,
): Promise<StorePreview[]> {
  const rows = await openGenerationRows(config.databaseUrl);
  const { activeLog } = await rows.read(view).finally(() => rows.close());
  const topic = config.topicPrefix + topicOfLog(view, activeLog);
  const log = createKafkaLog({ brokers: config.kafkaBrokers, clientId: 'millrace-replay', logger: silentLogger() });
  const stores = await openStoreViews(config);
  try {
    const codec = await createViewCodec(await createSchemaRegistry(config.schemaRegistryUrl), topic);
    const its = stores.views.filter((one) => one.view === view && (sink === null || sink.startsWith(one.store)));
    let unreadable = 0;
    const entries = entriesOf(log, topic, codec, () => unreadable++);
    const found = await previewReplay(entries, its, scope);
    if (unreadable > 0) out.note(`${unreadable} records cannot be read: see \`millrace dlq list --view ${view}\``);
    return found;
  } finally {
    await stores.close();
    await log.close();
  }
}

function untilOver(sinks: SinksClient, asked: readonly string[], out: Output): Promise<readonly SinkReplay[]> {
  return replayOver(sinks, asked, (running) => {
    for (const { sink, read, records, given, etaSeconds } of running) {
      const eta = etaSeconds === null ? '' : `, ${etaSeconds} s left`;
      out.note(`${sink}: ${read} of ${records} records looked at, ${given} entries given${eta}`);
    }
  });
}

function previewText(stores: readonly StorePreview[]): string {
  const heading = ['store', 'kind', 'entries', 'missing', 'older', 'different', 'deleted', 'such as'];
  const rows = stores.map((one) => [
    ...[one.store, one.kind, one.entries, one.missing, one.older, one.different, one.deleted],
    one.ids.slice(0, 3).join(' '),
  ]);
  return table([heading, ...rows]);
}

function replaysText(replays: readonly SinkReplay[]): string {
  const rows = replays.map(({ sink, state, records, given }) => [sink, state, records, given]);
  return table([['sink', 'state', 'records', 'entries given'], ...rows]);
}
