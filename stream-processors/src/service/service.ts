import { PlatformError } from '@millrace/kernel/errors';
import type { Service } from '@millrace/kernel/lifecycle';
import { SharedReader } from '@millrace/kernel/log';
import type { Group, GroupOptions } from '@millrace/kernel/group';
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
import type { PlacementSettings } from '../config.ts';
import { openStockRelays } from '../relay/index.ts';
import { ProcessorMetrics } from './metrics.ts';
import { placeTasks } from './placement.ts';
import type { TaskName } from './placement.ts';
import { redriveAsked } from './redrive-control.ts';
import { statusOf } from './status.ts';
import { TaskSet } from './task-set.ts';
import type { PlacedTask } from './task-set.ts';
import type { TaskStatus } from './status.ts';

export interface ProcessingOptions {
  readonly config: {
    readonly topicPrefix: string;
    readonly partitions: number;
    /** Names; empty for all. */
    readonly processors: readonly string[];
    readonly placement?: PlacementSettings;
  };
  readonly log: LogClient;
  readonly registry: SchemaRegistry;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly limits?: Partial<RunnerLimits>;
  /** Where placement is by group. */
  readonly joinGroup?: (options: GroupOptions) => Group;
}

type Open = () => Promise<PlacedTask>;

/** Least ms between two reads for the tasks that join inputs: they wait for all of them anyway. */
const JOIN_MS = 20;

/** A fenced task is opened again after this long, where the group still says that it is ours. */
const REOPEN_MS = 2_000;
const SESSION_TIMEOUT_MS = 6_000;

/**
 * The tasks of the chosen processors that are placed in this process, on one log client: all of them, a fixed share, or what the group of processes
 * says at the time. Tasks with one input share a reader, so that a commit is fetched once for all of them; those that join share another, which is
 * read less often. A task that another process took, or that lost an append's outcome, starts again alone; whatever else a task throws ends the process: it starts
 * again and each goes on from its log.
 */
export class ProcessingService implements Service {
  readonly #options: ProcessingOptions;
  #tasks: TaskSet | null = null;
  #isPlaced = false;

  constructor(options: ProcessingOptions) {
    this.#options = options;
  }

  ready(): { ready: boolean; reason?: string } {
    if (!this.#isPlaced) return { ready: false, reason: 'waiting to be given tasks' };
    return this.#tasks?.isRestored === true ? { ready: true } : { ready: false, reason: 'restoring' };
  }

  /** Of the tasks that it has now and that are restored. */
  get runners(): readonly TaskRunner[] {
    return this.#tasks?.runners ?? [];
  }

  status(): { tasks: readonly TaskStatus[] } {
    const nowMs = Date.now();
    return { tasks: this.runners.map((runner) => statusOf(runner.processorName, runner, nowMs)) };
  }

  control(action: string, body: Readonly<Record<string, unknown>>): Promise<unknown> | null {
    if (action !== 'redrive') return null;
    const asked = redriveAsked(this.runners, body);
    void asked.then(
      (outcome) => this.#options.logger.info({ ...body, ...outcome }, 'a parked aggregate was redriven or dropped'),
      () => undefined,
    );
    return asked;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { config, logger, joinGroup } = this.#options;
    const placement = config.placement ?? { by: 'share', instance: 0, instances: 1 };
    const known = await this.#prepare(choose(config.processors));
    const tasks = new TaskSet({
      open: (name) => {
        const open = known.get(name);
        if (open === undefined)
          throw new PlatformError('internal', `the group gave out ${name}, which is not known here`);
        return open();
      },
      logger,
      reopenMs: placement.by === 'group' ? REOPEN_MS : null,
    });
    this.#tasks = tasks;
    const stop = AbortSignal.any([signal, tasks.failed]);
    try {
      if (placement.by === 'group') {
        if (joinGroup === undefined) throw new PlatformError('internal', 'there is no group to join');
        await joinGroup(this.#membership(tasks, [...known.keys()])).run(stop);
      } else {
        tasks.have([...known.keys()].filter((_, at) => at % placement.instances === placement.instance));
        this.#isPlaced = true;
        await aborted(stop);
      }
    } finally {
      this.#isPlaced = false;
      await tasks.close();
    }
    if (tasks.failed.aborted) throw tasks.failed.reason;
  }

  #membership(tasks: TaskSet, able: readonly string[]): GroupOptions {
    const { config, logger } = this.#options;
    return {
      group: `${config.topicPrefix}stream-processors`,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      metadata: () => JSON.stringify({ held: tasks.names, able }),
      assign: (members) => {
        const placed = placeTasks(members.map(({ id, metadata }) => ({ id, ...(JSON.parse(metadata) as Abilities) })));
        return new Map([...placed].map(([id, names]) => [id, JSON.stringify(names)]));
      },
      assigned: (part) => {
        const names = JSON.parse(part === '' ? '[]' : part) as string[];
        logger.info({ tasks: names }, 'tasks of this process, by the group');
        tasks.have(names);
        this.#isPlaced = true;
      },
    };
  }

  /** What all tasks share; answers each of them by name, and how to open it. The relays of events are placed as tasks are. */
  async #prepare(chosen: readonly AnyProcessor[]): Promise<ReadonlyMap<TaskName, Open>> {
    const { config, log, registry, logger, metrics, limits = {} } = this.#options;
    const { topicPrefix, partitions } = config;
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
    const counted = new ProcessorMetrics(metrics, () => this.status().tasks);
    const schemas = new Map<string, OutputSchemas>();
    for (const { output } of chosen) schemas.set(output, await registerOutput(registry, topicPrefix + output));
    const openTask = async (processor: AnyProcessor, partition: number): Promise<PlacedTask> => {
      const codec = codecs.get(processor.output);
      const registered = schemas.get(processor.output);
      if (codec === undefined || registered === undefined) {
        throw new PlatformError('internal', `no schemas of ${processor.output}`);
      }
      const runner = await TaskRunner.open({
        ...shared,
        createReader: () => (processor.inputs.length > 1 ? joining : single).createReader(),
        schemas: registered,
        processor,
        partition,
        codec,
        inputs,
        events: counted.of(processor.name, partition),
        logger: logger.child({ component: processor.name }),
      });
      return { part: runner, runner };
    };
    const openRelay = async (codec: ViewCodec, partition: number): Promise<PlacedTask> => {
      const [relay] = await openStockRelays({
        ...{ log, registry, topicPrefix, codec, now: shared.now },
        partitions: [partition],
        createReader: () => single.createReader(),
      });
      if (relay === undefined) throw new PlatformError('internal', 'one relay was asked for');
      return { part: relay, runner: null };
    };
    const known = new Map<TaskName, Open>();
    const stock = codecs.get('views.inventory');
    for (let partition = 0; partition < partitions; partition++) {
      for (const processor of chosen) known.set(`${processor.name}/${partition}`, () => openTask(processor, partition));
      if (stock !== undefined && chosen.some(({ output }) => output === 'views.inventory')) {
        known.set(`stock-events/${partition}`, () => openRelay(stock, partition));
      }
    }
    return known;
  }
}

interface Abilities {
  readonly held: readonly string[];
  readonly able: readonly string[];
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
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
