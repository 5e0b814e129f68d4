import { environment, loadConfig } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import type { LogClient, LogRecord } from '@millrace/kernel/log';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { sleep } from '@millrace/kernel/retry';
import { createSearchClient } from '@millrace/kernel/search-client';
import { Registry, silentLogger } from '@millrace/kernel/telemetry';
import { barrierRecord, barrierSchema, watermarkRecord, watermarkSchema } from '@millrace/schemas/markers';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { searchNames, topicOfView, viewHolding } from '@millrace/schemas/stores';
import { createViewCodec } from '@millrace/schemas/views';
import type { ViewEntry } from '@millrace/schemas/views';
import { sinkNames, sinksSettings } from '../config.ts';
import type { SinksConfig } from '../config.ts';
import { productOperation } from '../elasticsearch/encoding.ts';
import { silentObserver } from '../port/index.ts';
import { SinkRunner, sinkMetrics } from '../runner/index.ts';
import { storeKinds } from '../store-kinds.ts';
import { backlogEntry, backlogKinds } from './backlog-entries.ts';
import type { BacklogKind } from './backlog-entries.ts';

/**
 * A child of `millrace bench views`: writes a backlog of entries (`ENTRIES`) of one kind (`KIND`) into its view's topic, then has the sink of one store
 * (`STORE`), with its limits as deployed, apply it from the beginning. For the search index also sends the same documents with a bare `_bulk`
 * loader: ready-made requests of 1,000, two at once, to an index of its own. Prints one JSON document.
 */
const { STORE = '', KIND = '', ENTRIES = '' } = environment();
const config = loadConfig(sinksSettings);
const entries = Number(ENTRIES);
const store = sinkNames.find((name) => name === STORE);
const kind = backlogKinds.find((name) => name === KIND);
if (store === undefined || kind === undefined) {
  throw new PlatformError('config-invalid', `no backlog of ${KIND} for ${STORE}`);
}
const { create, limits } = storeKinds[store];
const view = viewHolding(kind);

const PARTITIONS = 2;
const PER_BATCH = 500;
const GIVEN_UP_MS = 300_000;
const topic = config.topicPrefix + topicOfView(view);
const log = createKafkaLog({ brokers: config.kafkaBrokers, clientId: 'millrace-bench', logger: silentLogger() });
try {
  const registry = await createSchemaRegistry(config.schemaRegistryUrl);
  await log.admin.ensureTopics([{ topic, partitions: PARTITIONS }]);
  await fill(log, registry, kind);
  const drained = await drain(log, registry);
  const bare = store === 'elasticsearch' ? await bareBulk(config, kind) : null;
  process.stdout.write(JSON.stringify({ ...drained, bare }));
} finally {
  await log.admin.deleteTopics([topic]);
  await log.close();
}

async function fill(client: LogClient, schemas: SchemaRegistry, kind: BacklogKind): Promise<void> {
  const codec = await createViewCodec(schemas, topic);
  const barrierId = await schemas.register(topic, barrierSchema);
  const watermarkId = await schemas.register(topic, watermarkSchema);
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));
  const writer = await client.openWriter({
    name: topic,
    partitions,
    barrier: (epoch) => barrierRecord(barrierId, topic, epoch),
  });
  let batches: LogRecord[][] = partitions.map(() => []);
  for (let n = 0; n < entries; n++) {
    batches[n % PARTITIONS]?.push(...codec.encode(backlogEntry(kind, n)));
    if ((n + 1) % (PER_BATCH * PARTITIONS) !== 0 && n + 1 < entries) continue;
    const mark = watermarkRecord(watermarkId, { lsn: BigInt(n + 1), tsUs: backlogEntry(kind, n).tsUs });
    await writer.append(batches.map((records, partition) => ({ topic, partition, records: [...records, mark] })));
    batches = partitions.map(() => []);
  }
  await writer.close();
}

/** From the start of the sink until the store says that it has applied all of the log. */
async function drain(client: LogClient, registry: SchemaRegistry) {
  const ends = new Map((await client.admin.offsets(topic)).map(({ partition, end }) => [partition, end]));
  const sink = create(config, 1, [view]);
  const runner = new SinkRunner({
    sink,
    limits: limits(config),
    log: client,
    registry,
    topicPrefix: config.topicPrefix,
    logger: silentLogger(),
    metrics: sinkMetrics(new Registry()),
  });
  // Tables and indices are made before the clock starts.
  await sink.open(silentObserver);
  await sink.close();
  const stop = new AbortController();
  const before = process.cpuUsage();
  const beganMs = performance.now();
  const running = runner.run(stop.signal);
  for (;;) {
    const { partitions } = runner.status();
    const applied = partitions.filter(({ partition, offset }) => BigInt(offset) >= (ends.get(partition) ?? 0n));
    if (applied.length === PARTITIONS) break;
    if (performance.now() - beganMs > GIVEN_UP_MS) throw new PlatformError('internal', 'the backlog is not applied');
    await Promise.race([sleep(5), running]);
  }
  const seconds = (performance.now() - beganMs) / 1000;
  const { user, system } = process.cpuUsage(before);
  stop.abort();
  await running;
  return { entries, seconds, cpuSeconds: (user + system) / 1e6 };
}

/** Documents a second of a loader that does nothing but send ready-made requests. */
async function bareBulk(
  { elasticsearchUrl, searchFlavor, searchIndexPrefix }: SinksConfig,
  kind: BacklogKind,
): Promise<number> {
  const names = searchNames(searchIndexPrefix, 2);
  const sink = create(config, 2, [view]);
  await sink.open(silentObserver);
  await sink.close();
  const requests: string[] = [];
  for (let from = 0; from < entries; from += 1000) {
    const some = Array.from({ length: Math.min(1000, entries - from) }, (_, at) => backlogEntry(kind, from + at));
    requests.push(some.map((entry) => productOperation(names, entry as ViewEntry<'product'>)).join(''));
  }
  const client = createSearchClient(elasticsearchUrl, searchFlavor);
  const beganMs = performance.now();
  const worker = async (): Promise<void> => {
    for (let body = requests.shift(); body !== undefined; body = requests.shift()) {
      await client.transport.request({ method: 'POST', path: '/_bulk', bulkBody: body });
    }
  };
  await Promise.all([worker(), worker()]);
  await client.indices.refresh({ index: names.productsIndex });
  const seconds = (performance.now() - beganMs) / 1000;
  await client.close();
  return entries / seconds;
}
