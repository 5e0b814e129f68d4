import { loadConfig } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { silentLogger } from '@millrace/kernel/telemetry';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import type { CliConfig } from '../config/index.ts';
import { cliSettings } from '../config/index.ts';
import { openStoreClients, readLag } from '../lag/index.ts';
import type { Lag } from '../lag/index.ts';
import type { Verb } from '../main.ts';
import { EXIT, table } from '../output.ts';
import { traceRow } from '../trace/trace.ts';
import type { Hop, Trace } from '../trace/trace.ts';
import { wholeNumber } from './options.ts';

interface Traced extends Trace {
  /** How far each store has applied the views of the row's partition; null where the stores do not answer. */
  readonly stores: readonly Lag[] | null;
}

export const traceVerb: Verb = {
  name: 'trace',
  summary: 'follows one row through topic, processors, views and stores, with positions',
  define(command) {
    command.argument('<table>', 'a captured table, say products');
    command.argument('<id>', 'its primary key, columns joined by /');
    command.option('--most <n>', 'records of the row to show, newest last', '10');
  },
  async run(options, name, out, [, id]) {
    if (name === undefined || id === undefined)
      throw new PlatformError('config-invalid', 'say which: trace <table> <id>');
    const most = wholeNumber(options['most'], '--most');
    const config = loadConfig(cliSettings);
    const log = createKafkaLog({ brokers: config.kafkaBrokers, clientId: 'millrace-trace', logger: silentLogger() });
    try {
      const registry = await createSchemaRegistry(config.schemaRegistryUrl);
      const { topicPrefix, partitions } = config;
      const trace = await traceRow({ log, registry, topicPrefix, partitions, most }, name, id);
      const lags = await storesOf(config);
      const stores = lags?.filter(({ partition }) => partition === trace.partition) ?? null;
      const traced: Traced = { ...trace, stores: trace.views.length === 0 ? [] : stores };
      out.result(traced, traceText);
      return EXIT.done;
    } finally {
      await log.close();
    }
  },
};

/** A trace through the log is worth having where a store is down. */
async function storesOf(config: CliConfig): Promise<Lag[] | null> {
  const clients = await openStoreClients(config).catch(() => null);
  if (clients === null) return null;
  try {
    return await readLag(clients, config, Date.now()).catch(() => null);
  } finally {
    await clients.close();
  }
}

function traceText({ table: name, id, partition, records, views, stores }: Traced): string {
  const newest = records.at(-1)?.position ?? null;
  const row = ({ topic, offset, key, what, position, committedAt }: Hop) => [
    topic,
    offset,
    key,
    what,
    position,
    committedAt,
  ];
  const heading = ['topic', 'offset', 'key', 'what', 'position', 'committed at'];
  const hops = [...records, ...views.flatMap(({ entries }) => entries)].map(row);
  const reached = views.map(({ topic, watermark }) => [topic, 'log', watermark, reachedText(newest, watermark)]);
  const applied = (stores ?? []).map(({ view, store, position }) => [
    view,
    store,
    position,
    reachedText(newest, position),
  ]);
  return [
    `${name} ${id}, partition ${partition}${records.length === 0 ? ': its topic holds no record of it' : ''}`,
    table([heading, ...hops]),
    '',
    table([['view', 'where', 'as far as', 'the row’s newest change'], ...reached, ...applied]),
    ...(stores === null ? ['The stores do not all answer: how far they are is not shown.'] : []),
  ].join('\n');
}

function reachedText(newest: string | null, position: string): string | null {
  if (newest === null) return null;
  return position >= newest ? 'is in it' : 'is yet to come';
}
