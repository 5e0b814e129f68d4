import { MemoryLog } from '@millrace/kernel/log-memory';
import type { LogClient, LogRecord } from '@millrace/kernel/log';
import { silentLogger } from '@millrace/kernel/telemetry';
import { createChangeDecoder } from '@millrace/schemas/cdc';
import { MemoryRegistry } from '@millrace/schemas/registry';
import { createViewCodec } from '@millrace/schemas/views';
import type { ViewCodec } from '@millrace/schemas/views';
import { barrierRecord } from '@millrace/schemas/markers';
import { DeadLetterLog, MemorySpillDisk, Standby, StateMemory, TaskRunner, registerOutput } from '../runtime/index.ts';
import type {
  AnyProcessor,
  DeadLetterSink,
  OutputSchemas,
  RunnerLimits,
  SnapshotSettings,
  SpillSettings,
  WarmStart,
} from '../runtime/index.ts';
import { audit, ledger } from './bank.ts';
import { PARTITIONS, registerBooks } from './books.ts';
import type { BookSchemas } from './books.ts';

/** A processor and a partition. */
export interface SimulatedTask {
  readonly processor: AnyProcessor;
  /** The processor as each release has it; the last one is `processor`. */
  readonly releases: readonly AnyProcessor[];
  readonly partition: number;
  readonly topic: string;
}

const logger = silentLogger();

/** What all runs share: schemas and codecs, the tasks, and how a task is opened on a log. */
export class Place {
  readonly tasks: readonly SimulatedTask[];
  readonly bookSchemas: BookSchemas;
  readonly codecs: ReadonlyMap<string, ViewCodec>;
  readonly schemas: ReadonlyMap<string, OutputSchemas>;
  readonly #changes: ReturnType<typeof createChangeDecoder>;

  private constructor(
    releases: readonly (readonly AnyProcessor[])[],
    registry: MemoryRegistry,
    bookSchemas: BookSchemas,
    codecs: ReadonlyMap<string, ViewCodec>,
    schemas: ReadonlyMap<string, OutputSchemas>,
  ) {
    this.tasks = (releases.at(-1) ?? []).flatMap((processor, at) => {
      const task = { processor, releases: releases.map((one) => one[at] ?? processor), topic: processor.output };
      return Array.from({ length: PARTITIONS }, (_, partition) => ({ ...task, partition }));
    });
    this.bookSchemas = bookSchemas;
    this.codecs = codecs;
    this.schemas = schemas;
    this.#changes = createChangeDecoder(registry);
  }

  /** With the processors of each release in the same order; by default there is one. */
  static async open(releases: readonly (readonly AnyProcessor[])[] = [[ledger, audit]]): Promise<Place> {
    const registry = new MemoryRegistry();
    const codecs = new Map<string, ViewCodec>();
    const schemas = new Map<string, OutputSchemas>();
    for (const { output } of releases.at(-1) ?? []) {
      codecs.set(output, await createViewCodec(registry, output));
      schemas.set(output, await registerOutput(registry, output));
    }
    return new Place(releases, registry, await registerBooks(registry), codecs, schemas);
  }

  /** Whether the first releases cannot bear everything. */
  get hasPoison(): boolean {
    return this.tasks.some(({ releases }) => releases.length > 1);
  }

  newLog(): MemoryLog {
    const inputs = this.tasks.flatMap(({ processor }) => processor.inputs.map(({ topic }) => topic));
    const topics = new Set([...inputs, ...inputs.map((topic) => `${topic}.dlq`), ...this.codecs.keys()]);
    return new MemoryLog({ topics: [...topics].map((topic) => ({ topic, partitions: PARTITIONS })) });
  }

  /** Of a process, as far as the broker can tell. */
  #deadLetters(log: LogClient, barrierId: number, process: number): DeadLetterSink {
    const writerName = `simulation-${process}`;
    const barrier = (epoch: number): LogRecord => barrierRecord(barrierId, writerName, epoch);
    return new DeadLetterLog({ log, writerName, barrier });
  }

  /** One that reads the log alone: disks are for tasks. */
  standby({ processor, partition, topic }: SimulatedTask, log: LogClient, now: () => number): Standby {
    const records = this.schemas.get(topic)?.records;
    if (records === undefined) throw new Error(`no schemas of ${topic}`);
    const spill = partition % 2 === 0 ? null : littleMemory();
    return new Standby({ processor, output: { topic, partition }, log, records, disk: null, spill, now, logger });
  }

  openTask(
    { processor: newest, releases, partition, topic }: SimulatedTask,
    log: LogClient,
    now: () => number,
    limits: Partial<RunnerLimits>,
    { snapshots = null, warm = null, release, process = 0, deadLetters }: TaskSettings = {},
  ): Promise<TaskRunner> {
    const codec = this.codecs.get(topic);
    const schemas = this.schemas.get(topic);
    if (codec === undefined || schemas === undefined) throw new Error(`no schemas of ${topic}`);
    const processor = release === undefined ? newest : (releases[release] ?? newest);
    return TaskRunner.open({
      processor,
      partition,
      partitions: PARTITIONS,
      topicPrefix: '',
      log,
      schemas,
      codec,
      inputs: { changes: this.#changes, views: this.codecs },
      deadLetters: deadLetters ?? this.#deadLetters(log, schemas.barrierId, process),
      logger,
      now,
      limits,
      ...(snapshots === null ? {} : { snapshots }),
      ...(partition % 2 === 0 ? {} : { spill: littleMemory() }),
      ...(warm === null ? {} : { warm }),
    });
  }
}

/** How a task starts, where it matters. */
export interface TaskSettings {
  readonly snapshots?: SnapshotSettings | null;
  readonly warm?: WarmStart | null;
  /** Number of the release; by default the newest. */
  readonly release?: number;
  readonly process?: number;
  readonly deadLetters?: DeadLetterSink;
}

/** Every other task keeps next to nothing of its state in memory. */
function littleMemory(): SpillSettings {
  return { memory: new StateMemory(100), open: () => new MemorySpillDisk() };
}
