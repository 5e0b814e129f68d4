import { PlatformError } from '@millrace/kernel/errors';
import { SharedReader } from '@millrace/kernel/log';
import type { LogClient, LogReader } from '@millrace/kernel/log';
import type { Logger } from '@millrace/kernel/telemetry';
import { createChangeDecoder } from '@millrace/schemas/cdc';
import { activeLogOf } from '@millrace/schemas/generations';
import type { GenerationRows } from '@millrace/schemas/generations';
import { barrierRecord, barrierSchema } from '@millrace/schemas/markers';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { FIRST_LOG, topicOfLog } from '@millrace/schemas/stores';
import { createViewCodec } from '@millrace/schemas/views';
import type { ViewCodec } from '@millrace/schemas/views';
import { openStockRelays } from '../relay/index.ts';
import { DeadLetterLog, Standby, TaskRunner, Turns, registerOutput } from '../runtime/index.ts';
import type {
  AnyProcessor,
  OutputSchemas,
  RestoreMeter,
  RunnerEvents,
  RunnerLimits,
  SnapshotSettings,
  SpillSettings,
  WarmStart,
} from '../runtime/index.ts';
import { restingReader } from './filling-reader.ts';
import type { TaskName } from './placement.ts';
import type { PlacedTask } from './task-set.ts';
import { isFilled, logProcessors } from './view-logs.ts';
import type { LogProcessor } from './view-logs.ts';

export interface TaskOpenersOptions {
  /** Every processor of the release: what is kept for whom. */
  readonly all: readonly AnyProcessor[];
  /** Names of those that this process runs. */
  readonly chosen: ReadonlySet<string>;
  readonly topicPrefix: string;
  readonly partitions: number;
  readonly log: LogClient;
  readonly registry: SchemaRegistry;
  readonly logger: Logger;
  readonly limits: Partial<RunnerLimits>;
  readonly events: (processor: string, partition: number) => RunnerEvents;
  /** Age of what readers see of what runs here, ms. */
  readonly servedAgeMs: () => number | null;
  /** How they keep snapshots of their state; null: not at all. */
  readonly snapshots: SnapshotSettings | null;
  /** Where their state goes that memory has no room for; null: all of it stays in memory. */
  readonly spill: SpillSettings | null;
}

/** A task that may be placed here. */
export interface KnownTask {
  readonly open: (meter: RestoreMeter, warm?: WarmStart) => Promise<PlacedTask>;
  /** A copy of its state beside the process that has it; left out: there is none to copy. */
  readonly standby?: () => Promise<Standby>;
  /** Among all tasks: which fixed share it belongs to. One of another log is beside its first log's. */
  readonly place: number;
}

/** Least ms between two reads for the tasks that join inputs: they wait for all of them anyway. */
const JOIN_MS = 20;
/** Of a fetch for a log that is filled, or copied: its batches come between those of the tasks that readers wait for. */
const BESIDE_BYTES = 524_288;

/**
 * What all tasks of a process share, and how each is opened. The relays of events are placed as tasks are; they follow the log whose entries
 * readers see.
 */
export class TaskOpeners {
  readonly #options: TaskOpenersOptions;
  readonly #single: SharedReader;
  readonly #joining: SharedReader;
  readonly #turns = new Turns();
  readonly #codecs = new Map<string, ViewCodec>();
  readonly #changes: ReturnType<typeof createChangeDecoder>;
  readonly #schemas = new Map<string, Promise<OutputSchemas>>();
  readonly #deadLetters: DeadLetterLog;
  #rows: GenerationRows = new Map();

  private constructor(options: TaskOpenersOptions, barrierId: number) {
    const { log, registry, topicPrefix } = options;
    this.#options = options;
    this.#single = new SharedReader(log);
    this.#joining = new SharedReader(log, { everyMs: JOIN_MS });
    this.#changes = createChangeDecoder(registry);
    const writerName = `${topicPrefix}stream-processors.dlq`;
    const barrier = (epoch: number): ReturnType<typeof barrierRecord> => barrierRecord(barrierId, writerName, epoch);
    this.#deadLetters = new DeadLetterLog({ log, writerName, barrier });
  }

  static async create(options: TaskOpenersOptions): Promise<TaskOpeners> {
    const barrierId = await options.registry.register(`${options.topicPrefix}cdc.catalog.dlq`, barrierSchema);
    const openers = new TaskOpeners(options, barrierId);
    // One after the other: registries dislike two firsts of a subject at once.
    for (const { name, output } of options.all) {
      await openers.#codec(output);
      if (options.chosen.has(name)) await openers.#outputSchemas(output);
    }
    return openers;
  }

  /** The logs that are kept as the rows say. */
  kept(rows: GenerationRows): LogProcessor[] {
    return logProcessors(this.#options.all, rows);
  }

  /** The tasks of the rows, by name. What is filled and what is served is asked of the last rows given. */
  tasks(rows: GenerationRows): ReadonlyMap<TaskName, KnownTask> {
    this.#rows = rows;
    const { all, chosen, partitions } = this.#options;
    const known = new Map<TaskName, KnownTask>();
    const mine = all.filter(({ name }) => chosen.has(name));
    const kept = this.kept(rows).filter(({ view }) =>
      mine.some(({ output }) => output === topicOfLog(view, FIRST_LOG)),
    );
    const stock = mine.some(({ output }) => output === 'views.inventory');
    const perPartition = mine.length + (stock ? 1 : 0);
    for (let partition = 0; partition < partitions; partition++) {
      for (const one of kept) {
        const at = mine.findIndex(({ output }) => output === topicOfLog(one.view, FIRST_LOG));
        const place = partition * perPartition + at + (one.log - FIRST_LOG);
        known.set(`${one.processor.name}/${partition}`, {
          open: (meter, warm) => this.#openTask(one, partition, meter, warm),
          standby: () => this.#openStandby(one, partition),
          place,
        });
      }
      if (!stock) continue;
      const log = activeLogOf(rows, 'inventory');
      const name = log === FIRST_LOG ? 'stock-events' : `stock-events.g${log}`;
      const place = partition * perPartition + mine.length;
      known.set(`${name}/${partition}`, { open: () => this.#openRelay(log, partition), place });
    }
    return known;
  }

  async #openTask(
    one: LogProcessor,
    partition: number,
    meter: RestoreMeter,
    warm: WarmStart | undefined,
  ): Promise<PlacedTask> {
    const { processor } = one;
    const { topicPrefix, partitions, log, limits, logger, events, snapshots, spill } = this.#options;
    const schemas = await this.#outputSchemas(processor.output);
    const codec = await this.#codec(processor.output);
    for (const { from, topic } of processor.inputs) if (from === 'view') await this.#codec(topic);
    const runner = await TaskRunner.open({
      ...{ topicPrefix, partitions, log, limits, deadLetters: this.#deadLetters, now },
      ...{ processor, partition, schemas, codec, meter },
      ...(snapshots === null ? {} : { snapshots }),
      ...(spill === null ? {} : { spill }),
      ...(warm === undefined ? {} : { warm }),
      turns: this.#turns,
      createReader: () => this.#reader(one),
      inputs: { changes: this.#changes, views: this.#codecs },
      events: events(processor.name, partition),
      logger: logger.child({ component: processor.name }),
    });
    return { part: runner, runner };
  }

  async #openStandby({ processor }: LogProcessor, partition: number): Promise<Standby> {
    const { topicPrefix, log, logger, snapshots, spill } = this.#options;
    const { records } = await this.#outputSchemas(processor.output);
    return new Standby({
      ...{ processor, output: { topic: topicPrefix + processor.output, partition }, log, records },
      ...{ disk: snapshots?.disk ?? null, spill, now: Date.now, logger: logger.child({ component: processor.name }) },
      createReader: () => log.createReader({ maxBytes: BESIDE_BYTES }),
    });
  }

  #reader(one: LogProcessor): LogReader {
    if (!isFilled(one, this.#rows))
      return (one.processor.inputs.length > 1 ? this.#joining : this.#single).createReader();
    const own = this.#options.log.createReader({ maxBytes: BESIDE_BYTES });
    return restingReader(own, () => isFilled(one, this.#rows), this.#options.servedAgeMs);
  }

  async #openRelay(viewLog: number, partition: number): Promise<PlacedTask> {
    const { log, registry, topicPrefix } = this.#options;
    const codec = await this.#codec(topicOfLog('inventory', viewLog));
    const [relay] = await openStockRelays({
      ...{ log, registry, topicPrefix, codec, viewLog, now },
      partitions: [partition],
      createReader: () => this.#single.createReader(),
    });
    if (relay === undefined) throw new PlatformError('internal', 'one relay was asked for');
    return { part: relay, runner: null };
  }

  async #codec(topic: string): Promise<ViewCodec> {
    const known = this.#codecs.get(topic);
    if (known !== undefined) return known;
    const codec = await createViewCodec(this.#options.registry, this.#options.topicPrefix + topic);
    // Another task may have been here meanwhile: one codec for all.
    const first = this.#codecs.get(topic) ?? codec;
    this.#codecs.set(topic, first);
    return first;
  }

  #outputSchemas(topic: string): Promise<OutputSchemas> {
    const { registry, topicPrefix } = this.#options;
    const known = this.#schemas.get(topic);
    if (known !== undefined) return known;
    const registered = registerOutput(registry, topicPrefix + topic);
    registered.catch(() => this.#schemas.delete(topic));
    this.#schemas.set(topic, registered);
    return registered;
  }
}

const now = (): number => performance.timeOrigin + performance.now();
