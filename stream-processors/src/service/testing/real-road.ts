import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { testEngines } from '@millrace/infra-local/testing';
import type { LogClient } from '@millrace/kernel/log';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { silentLogger } from '@millrace/kernel/telemetry';
import { isWatermarkKey, readWatermark } from '@millrace/schemas/markers';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { topicSpecs, viewTopics } from '@millrace/schemas/topics';
import type { ViewTopic } from '@millrace/schemas/topics';
import { createViewCodec } from '@millrace/schemas/views';
import type { ViewEntry } from '@millrace/schemas/views';
import { processors } from '../../processors/index.ts';
import { TestRoad, TestSource, shopHistory } from '../../testing/index.ts';

/** The test engines' Kafka and registry, with topics of each test's own. */
export class RealRoad {
  readonly log: LogClient;
  readonly registry: SchemaRegistry;
  readonly #partitions: number;
  readonly #prefixes: string[] = [];

  private constructor(log: LogClient, registry: SchemaRegistry, partitions: number) {
    this.log = log;
    this.registry = registry;
    this.#partitions = partitions;
  }

  static async open(partitions: number): Promise<RealRoad> {
    const { kafkaBrokers, schemaRegistryUrl } = testEngines();
    const log = createKafkaLog({ brokers: kafkaBrokers, clientId: 'processors-test', logger: silentLogger() });
    return new RealRoad(log, await createSchemaRegistry(schemaRegistryUrl), partitions);
  }

  async newSource(): Promise<{ prefix: string; source: TestSource }> {
    const prefix = `sp-${randomBytes(4).toString('hex')}.`;
    this.#prefixes.push(prefix);
    await this.log.admin.ensureTopics(topicSpecs(prefix, this.#partitions));
    const source = await TestSource.open(this.log, this.registry, { prefix, partitions: this.#partitions });
    return { prefix, source };
  }

  /** Reads a view's partition until its watermark is at `lsn`: every entry written so far, in order, as text. */
  async readUntil(prefix: string, topic: ViewTopic, partition: number, lsn: bigint): Promise<string[]> {
    const codec = await createViewCodec(this.registry, prefix + topic);
    const reader = this.log.createReader();
    const entries: string[] = [];
    reader.assign([{ topic: prefix + topic, partition, offset: 0n }]);
    for (let reached = false; !reached;) {
      for (const batch of await reader.poll(1000)) {
        for (const { key, value } of batch.records) {
          if (isWatermarkKey(key) && value !== null) reached ||= readWatermark(value).lsn >= lsn;
          const entry = codec.decode(key, value);
          if (entry !== null) entries.push(textOf(entry));
        }
      }
    }
    await reader.close();
    return entries;
  }

  async close(): Promise<void> {
    for (const prefix of this.#prefixes) {
      await this.log.admin.deleteTopics(topicSpecs(prefix, this.#partitions).map(({ topic }) => topic));
    }
    await this.log.close();
  }
}

const textOf = ({ kind, id, lsn, tsUs, data }: ViewEntry): string =>
  `${kind}:${id}@${lsn.toString()} ${tsUs} ${JSON.stringify(data)}`;

/** What the commits of `shopHistory` give without a broker, by `<topic>/<partition>`. */
export async function expectedEntries(
  seed: number,
  commits: number,
  partitions: number,
): Promise<Map<string, string[]>> {
  const road = await TestRoad.open(partitions);
  for (const { lsn, tsUs, rows } of shopHistory(seed, commits, 12)) await road.source.commit(lsn, tsUs, rows);
  for (const processor of processors) for (let at = 0; at < partitions; at++) await road.start(processor, at);
  await road.settle();
  return new Map(
    viewTopics.flatMap((topic) =>
      Array.from({ length: partitions }, (_, at) => [
        `${topic}/${at}`,
        road.written(topic, at).map(({ entry }) => textOf(entry)),
      ]),
    ),
  );
}

/** Looks again and again; the test's own limit ends it, and what it waited for is said every ten seconds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  let toldMs = performance.now();
  while (!(await condition())) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (performance.now() - toldMs < 10_000) continue;
    toldMs = performance.now();
    process.stderr.write(`still waiting until ${what}\n`);
  }
}

/** The stream processors as a process of their own. */
export function startProcess(
  prefix: string,
  partitions: number,
  further: Readonly<Record<string, string>> = {},
): ChildProcess {
  const main = fileURLToPath(new URL('../../main.ts', import.meta.url));
  const { kafkaBrokers, schemaRegistryUrl } = testEngines();
  return spawn(process.execPath, ['--conditions=@millrace/source', '--import', 'tsx', main], {
    env: {
      PATH: '',
      TOPIC_PREFIX: prefix,
      PARTITIONS: String(partitions),
      KAFKA_BROKERS: kafkaBrokers.join(','),
      SCHEMA_REGISTRY_URL: schemaRegistryUrl,
      HEALTH_PORT: '0',
      LOG_LEVEL: 'error',
      STATE_SNAPSHOT_SECONDS: '0',
      ...further,
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}
