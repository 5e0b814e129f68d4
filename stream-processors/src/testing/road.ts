import type { LogClient } from '@millrace/kernel/log';
import { MemoryLog } from '@millrace/kernel/log-memory';
import { silentLogger } from '@millrace/kernel/telemetry';
import { createChangeDecoder } from '@millrace/schemas/cdc';
import { MemoryRegistry } from '@millrace/schemas/registry';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { keyedSpecs, topicSpecs, viewTopics } from '@millrace/schemas/topics';
import type { ViewTopic } from '@millrace/schemas/topics';
import { createViewCodec } from '@millrace/schemas/views';
import type { ViewCodec, ViewEntry, ViewKind } from '@millrace/schemas/views';
import { DeadLetterLog, Standby, TaskRunner, registerOutput } from '../runtime/index.ts';
import type { AnyProcessor, RunnerLimits, SnapshotSettings, ViewLog, WarmStart } from '../runtime/index.ts';
import { jsonViewCodec } from './json-views.ts';
import { TestSource } from './source.ts';
import type { TestTable } from './source.ts';

/** An entry as it stands in the output log. */
export interface Written {
  readonly key: string;
  readonly entry: ViewEntry;
}

/**
 * Processors without a broker: an in-memory log, a source to write commits with, a clock that stands still until told otherwise. Everything
 * happens in the calls; nothing waits.
 */
export class TestRoad {
  readonly log: MemoryLog;
  readonly registry: SchemaRegistry;
  readonly source: TestSource;
  nowMs = 0;
  /** Of every task that is started from now on. */
  snapshots: SnapshotSettings | null = null;
  /** Taken over by the task that is started next. */
  warm: WarmStart | null = null;
  readonly #partitions: number;
  readonly #codecs: Map<ViewLog, ViewCodec>;
  readonly #runners = new Map<string, TaskRunner>();

  private constructor(
    log: MemoryLog,
    registry: SchemaRegistry,
    source: TestSource,
    codecs: Map<ViewLog, ViewCodec>,
    partitions: number,
  ) {
    this.#partitions = partitions;
    this.log = log;
    this.registry = registry;
    this.source = source;
    this.#codecs = codecs;
  }

  /** `tables`: beside the shop's, in topics that are made for them. */
  static async open(partitions = 1, tables: readonly TestTable[] = []): Promise<TestRoad> {
    const log = new MemoryLog({ topics: topicSpecs('', partitions) });
    for (const topic of new Set(tables.map((table) => table.topic))) {
      await log.admin.ensureTopics(keyedSpecs(topic, '', partitions));
    }
    const registry = new MemoryRegistry();
    const codecs = new Map<ViewLog, ViewCodec>();
    for (const topic of viewTopics) codecs.set(topic, await createViewCodec(registry, topic));
    return new TestRoad(
      log,
      registry,
      await TestSource.open(log, registry, { partitions, tables }),
      codecs,
      partitions,
    );
  }

  /** Starts (or starts again, fencing the former) the task of a processor and partition. */
  async start(
    processor: AnyProcessor,
    partition = 0,
    limits: Partial<RunnerLimits> = {},
    log: LogClient = this.log,
  ): Promise<TaskRunner> {
    const runner = await this.runnerOn(log, processor, partition, limits);
    this.#runners.set(`${processor.name}/${partition}`, runner);
    return runner;
  }

  /** A runner on any log, with the road's schemas; `settle` leaves it alone. */
  async runnerOn(
    log: LogClient,
    processor: AnyProcessor,
    partition = 0,
    limits: Partial<RunnerLimits> = {},
  ): Promise<TaskRunner> {
    await log.admin.ensureTopics(keyedSpecs(processor.output as ViewTopic, '', this.#partitions));
    const codec = this.#codecs.get(processor.output) ?? jsonViewCodec;
    this.#codecs.set(processor.output, codec);
    const { warm } = this;
    this.warm = null;
    return TaskRunner.open({
      processor,
      partition,
      partitions: this.#partitions,
      topicPrefix: '',
      log,
      schemas: await registerOutput(this.registry, processor.output),
      codec,
      inputs: { changes: createChangeDecoder(this.registry), views: this.#codecs },
      deadLetters: new DeadLetterLog({
        log,
        writerName: `dlq-of-${processor.name}`,
        barrier: () => ({ key: Buffer.from('_barrier'), value: null }),
      }),
      logger: silentLogger(),
      now: () => this.nowMs,
      limits: { watermarkMs: 0, ...limits },
      ...(this.snapshots === null ? {} : { snapshots: this.snapshots }),
      ...(warm === null ? {} : { warm }),
    });
  }

  /** A standby of a processor's task; it reads when it is run. */
  async standby(
    processor: AnyProcessor,
    partition = 0,
    createReader = () => this.log.createReader(),
  ): Promise<Standby> {
    const { records } = await registerOutput(this.registry, processor.output);
    return new Standby({
      ...{ processor, output: { topic: processor.output, partition }, log: this.log, createReader, records },
      ...{ disk: this.snapshots?.disk ?? null, spill: null, now: () => this.nowMs, logger: silentLogger() },
    });
  }

  /** Lets every started task read and work until none finds anything new. */
  async settle(): Promise<void> {
    for (let busy = true; busy;) {
      busy = false;
      for (const runner of this.#runners.values()) if (await runner.step()) busy = true;
    }
  }

  /** Every entry of a view's partition, in log order, deletions included. */
  written(topic: ViewLog, partition = 0): Written[] {
    const codec = this.#codecs.get(topic);
    return this.log.records(topic, partition).flatMap(({ key, value }) => {
      const entry = codec?.decode(key, value) ?? null;
      return entry === null ? [] : [{ key: `${entry.kind}:${entry.id}`, entry }];
    });
  }

  /** The newest entry's data; undefined where there never was one. */
  latest<K extends ViewKind>(topic: ViewLog, kind: K, id: string, partition = 0): ViewEntry<K>['data'] | undefined {
    const found = this.written(topic, partition).findLast(({ key }) => key === `${kind}:${id}`);
    return found?.entry.data as ViewEntry<K>['data'] | undefined;
  }
}
