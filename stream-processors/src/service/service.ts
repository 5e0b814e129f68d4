import { PlatformError } from '@millrace/kernel/errors';
import type { Service } from '@millrace/kernel/lifecycle';
import { SharedReader } from '@millrace/kernel/log';
import type { LogClient } from '@millrace/kernel/log';
import type { Logger, Registry } from '@millrace/kernel/telemetry';
import { createChangeDecoder } from '@millrace/schemas/cdc';
import { barrierRecord, barrierSchema } from '@millrace/schemas/markers';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { topicSpecs, viewTopics } from '@millrace/schemas/topics';
import { createViewCodec } from '@millrace/schemas/views';
import type { ViewCodec } from '@millrace/schemas/views';
import { processors as allProcessors } from '../processors/index.ts';
import { DeadLetterLog, TaskRunner, registerOutput } from '../runtime/index.ts';
import type { AnyProcessor, OutputSchemas, RunnerLimits, ViewLog } from '../runtime/index.ts';
import { openStockRelays } from '../relay/index.ts';
import type { EventRelay } from '../relay/index.ts';
import { ProcessorMetrics } from './metrics.ts';
import { statusOf } from './status.ts';
import type { TaskStatus } from './status.ts';

export interface ProcessingOptions {
  readonly config: {
    readonly topicPrefix: string;
    readonly partitions: number;
    /** Names; empty for all. */
    readonly processors: readonly string[];
  };
  readonly log: LogClient;
  readonly registry: SchemaRegistry;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly limits?: Partial<RunnerLimits>;
}

interface Running {
  readonly processor: AnyProcessor;
  readonly runner: TaskRunner;
}

/** Least ms between two reads for the tasks that join inputs: they wait for all of them anyway. */
const JOIN_MS = 20;

/**
 * Every task of the chosen processors in one process, on one log client. Tasks with one input share a reader, so that a commit is fetched once
 * for all of them; those that join share another, which is read less often. One that cannot go on ends them all: the process starts again and
 * each goes on from its log.
 */
export class ProcessingService implements Service {
  readonly #options: ProcessingOptions;
  #running: readonly Running[] = [];
  #relays: readonly EventRelay[] = [];
  #isReady = false;

  constructor(options: ProcessingOptions) {
    this.#options = options;
  }

  ready(): { ready: boolean; reason?: string } {
    return this.#isReady ? { ready: true } : { ready: false, reason: 'restoring' };
  }

  status(): { tasks: readonly TaskStatus[] } {
    return { tasks: this.#tasks() };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    const startedMs = performance.now();
    this.#running = await this.#open();
    this.#isReady = true;
    const tasks = this.#running.map(({ runner }) => runner.name);
    const restored = this.#running.reduce((sum, { runner }) => sum + runner.restored.records, 0);
    logger.info({ tasks, restored, ms: Math.round(performance.now() - startedMs) }, 'tasks restored and running');
    for (const { processor, runner } of this.#running) {
      const { size } = runner.task.parked;
      if (size > 0) logger.warn({ task: runner.name, processor: processor.name, size }, 'aggregates are parked');
    }
    const failed = new AbortController();
    const stop = AbortSignal.any([signal, failed.signal]);
    try {
      await Promise.all(
        [...this.#running.map(({ runner }) => runner), ...this.#relays].map(async (runner) => {
          try {
            await runner.run(stop);
          } catch (error) {
            failed.abort(error);
            throw error;
          }
        }),
      );
    } finally {
      this.#isReady = false;
      await Promise.all([...this.#running.map(({ runner }) => runner), ...this.#relays].map((part) => part.close()));
    }
  }

  #tasks(): TaskStatus[] {
    const nowMs = Date.now();
    return this.#running.map(({ processor, runner }) => statusOf(processor.name, runner, nowMs));
  }

  async #open(): Promise<Running[]> {
    const { config, log, registry, logger, metrics, limits = {} } = this.#options;
    const { topicPrefix, partitions } = config;
    const chosen = choose(config.processors);
    await log.admin.ensureTopics(topicSpecs(topicPrefix, partitions));
    const codecs = new Map<ViewLog, ViewCodec>();
    for (const topic of viewTopics) codecs.set(topic, await createViewCodec(registry, topicPrefix + topic));
    const barrierId = await registry.register(`${topicPrefix}cdc.catalog.dlq`, barrierSchema);
    const writerName = `${topicPrefix}stream-processors.dlq`;
    const deadLetters = new DeadLetterLog({
      log,
      writerName,
      barrier: (epoch) => barrierRecord(barrierId, writerName, epoch),
    });
    const shared = {
      topicPrefix,
      partitions,
      log,
      deadLetters,
      limits,
      now: () => performance.timeOrigin + performance.now(),
    };
    const single = new SharedReader(log);
    const joining = new SharedReader(log, { everyMs: JOIN_MS });
    const inputs = { changes: createChangeDecoder(registry), views: codecs };
    const counted = new ProcessorMetrics(metrics, () => this.#tasks());
    const schemas = new Map<string, OutputSchemas>();
    for (const { output } of chosen) schemas.set(output, await registerOutput(registry, topicPrefix + output));
    const open = async (processor: AnyProcessor, partition: number): Promise<Running> => {
      const codec = codecs.get(processor.output);
      const registered = schemas.get(processor.output);
      if (codec === undefined || registered === undefined) {
        throw new PlatformError('internal', `no schemas of ${processor.output}`);
      }
      const events = counted.of(processor.name, partition);
      const child = logger.child({ component: processor.name });
      const runner = await TaskRunner.open({
        ...shared,
        createReader: () => (processor.inputs.length > 1 ? joining : single).createReader(),
        schemas: registered,
        processor,
        partition,
        codec,
        inputs,
        events,
        logger: child,
      });
      return { processor, runner };
    };
    const codec = codecs.get('views.inventory');
    if (codec !== undefined && chosen.some(({ output }) => output === 'views.inventory')) {
      this.#relays = await openStockRelays({
        ...{ log, registry, topicPrefix, codec, now: shared.now },
        partitions: Array.from({ length: partitions }, (_, partition) => partition),
        createReader: () => single.createReader(),
      });
    }
    return Promise.all(
      chosen.flatMap((processor) => Array.from({ length: partitions }, (_, partition) => open(processor, partition))),
    );
  }
}

function choose(names: readonly string[]): readonly AnyProcessor[] {
  if (names.length === 0) return allProcessors;
  return names.map((name) => {
    const found = allProcessors.find((processor) => processor.name === name);
    if (found !== undefined) return found;
    const known = allProcessors.map((processor) => processor.name).join(', ');
    throw new PlatformError('config-invalid', `PROCESSORS: there is no processor ${name}; there are ${known}`);
  });
}
