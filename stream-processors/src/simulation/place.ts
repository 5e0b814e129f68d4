import { MemoryLog } from '@millrace/kernel/log-memory';
import type { LogClient } from '@millrace/kernel/log';
import { silentLogger } from '@millrace/kernel/telemetry';
import { createChangeDecoder } from '@millrace/schemas/cdc';
import { MemoryRegistry } from '@millrace/schemas/registry';
import { createViewCodec } from '@millrace/schemas/views';
import type { ViewCodec } from '@millrace/schemas/views';
import { MemorySpillDisk, Standby, StateMemory, TaskRunner, registerOutput } from '../runtime/index.ts';
import type {
  AnyProcessor,
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
    processors: readonly AnyProcessor[],
    registry: MemoryRegistry,
    bookSchemas: BookSchemas,
    codecs: ReadonlyMap<string, ViewCodec>,
    schemas: ReadonlyMap<string, OutputSchemas>,
  ) {
    this.tasks = processors.flatMap((processor) =>
      Array.from({ length: PARTITIONS }, (_, partition) => ({ processor, partition, topic: processor.output })),
    );
    this.bookSchemas = bookSchemas;
    this.codecs = codecs;
    this.schemas = schemas;
    this.#changes = createChangeDecoder(registry);
  }

  static async open(processors: readonly AnyProcessor[] = [ledger, audit]): Promise<Place> {
    const registry = new MemoryRegistry();
    const codecs = new Map<string, ViewCodec>();
    const schemas = new Map<string, OutputSchemas>();
    for (const { output } of processors) {
      codecs.set(output, await createViewCodec(registry, output));
      schemas.set(output, await registerOutput(registry, output));
    }
    return new Place(processors, registry, await registerBooks(registry), codecs, schemas);
  }

  newLog(): MemoryLog {
    const topics = ['cdc.catalog', ...this.codecs.keys()];
    return new MemoryLog({ topics: topics.map((topic) => ({ topic, partitions: PARTITIONS })) });
  }

  /** One that reads the log alone: disks are for tasks. */
  standby({ processor, partition, topic }: SimulatedTask, log: LogClient, now: () => number): Standby {
    const records = this.schemas.get(topic)?.records;
    if (records === undefined) throw new Error(`no schemas of ${topic}`);
    const spill = partition % 2 === 0 ? null : littleMemory();
    return new Standby({ processor, output: { topic, partition }, log, records, disk: null, spill, now, logger });
  }

  openTask(
    { processor, partition, topic }: SimulatedTask,
    log: LogClient,
    now: () => number,
    limits: Partial<RunnerLimits>,
    snapshots: SnapshotSettings | null = null,
    warm: WarmStart | null = null,
  ): Promise<TaskRunner> {
    const codec = this.codecs.get(topic);
    const schemas = this.schemas.get(topic);
    if (codec === undefined || schemas === undefined) throw new Error(`no schemas of ${topic}`);
    return TaskRunner.open({
      processor,
      partition,
      partitions: PARTITIONS,
      topicPrefix: '',
      log,
      schemas,
      codec,
      inputs: { changes: this.#changes, views: this.codecs },
      deadLetters: { append: () => Promise.reject(new Error('nothing of the simulation is a dead letter')) },
      logger,
      now,
      limits,
      ...(snapshots === null ? {} : { snapshots }),
      ...(partition % 2 === 0 ? {} : { spill: littleMemory() }),
      ...(warm === null ? {} : { warm }),
    });
  }
}

/** Every other task keeps next to nothing of its state in memory. */
function littleMemory(): SpillSettings {
  return { memory: new StateMemory(100), open: () => new MemorySpillDisk() };
}
