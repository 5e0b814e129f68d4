import type { Lsn } from '@millrace/kernel/position';
import type { Row } from '@millrace/schemas/cdc';
import type { ViewData } from '@millrace/schemas/views';
import type { AnyProcessor, ParkedState, TaskRunner } from '../runtime/index.ts';
import { replay } from './replay.ts';
import { TestRoad } from './road.ts';
import type { TestRow, TestTable } from './source.ts';

export const insertInto = (table: string, row: Row): TestRow => ({ table, op: 'c', row });
/** The whole new row, as Postgres sends it. */
export const update = (table: string, row: Row): TestRow => ({ table, op: 'u', row });
/** The primary key is enough: it is all that Postgres tells. */
export const deleteFrom = (table: string, key: Row): TestRow => ({ table, op: 'd', row: key });
export const truncate = (table: string): TestRow => ({ table, op: 't', row: {} });
/** A row as a snapshot, or a re-snapshot, reads it. */
export const read = (table: string, row: Row): TestRow => ({ table, op: 'r', row });

export interface DriverOptions {
  /** Of every keyed topic; a task of each processor runs for each (1). */
  readonly partitions?: number;
  /** Where the clock stands at first, anything that Date understands. */
  readonly from?: string;
  /** Tables beside the shop's. */
  readonly tables?: readonly TestTable[];
}

/** An entry as it was put. */
export interface Version<T> {
  readonly lsn: Lsn;
  /** Null: deleted. */
  readonly data: T | null;
}

/** Any kinds: of views that are among the schemas, or of the test's own. */
type Kinds = object;

/**
 * Processors on a log in memory, with a clock that moves when it is told to. What they do is what they do in production: the same merge, the same
 * steps, the same batches; only the broker, the registry and the time are stand-ins. Everything happens in the calls, nothing waits.
 */
export class ProcessorDriver<O extends Kinds = ViewData> {
  readonly road: TestRoad;
  readonly #processors: readonly AnyProcessor[];
  readonly #partitions: number;
  #runners: TaskRunner[] = [];
  #nowUs: number;
  #lsn: Lsn = 1000n;

  private constructor(road: TestRoad, processors: readonly AnyProcessor[], partitions: number, nowUs: number) {
    this.road = road;
    this.#processors = processors;
    this.#partitions = partitions;
    this.#nowUs = nowUs;
  }

  static async open<O extends Kinds = ViewData>(
    processors: AnyProcessor | readonly AnyProcessor[],
    { partitions = 1, from = '2026-01-01T00:00:00Z', tables = [] }: DriverOptions = {},
  ): Promise<ProcessorDriver<O>> {
    const road = await TestRoad.open(partitions, tables);
    const list = 'name' in processors ? [processors] : processors;
    const driver = new ProcessorDriver<O>(road, list, partitions, Date.parse(from) * 1000);
    await driver.restart();
    return driver;
  }

  /** The clock, µs since 1970: the time of the next commit. */
  get nowUs(): number {
    return this.#nowUs;
  }

  /** Position of the newest commit. */
  get position(): Lsn {
    return this.#lsn;
  }

  /** One transaction, at the clock's time. When it resolves, every view has it. */
  async commit(...rows: readonly TestRow[]): Promise<Lsn> {
    this.#lsn += 10n;
    await this.road.source.commit(this.#lsn, this.#nowUs, rows);
    await this.road.settle();
    return this.#lsn;
  }

  /** Moves the clock on; timers that are due fire as of the new time. */
  async pass(us: number): Promise<Lsn> {
    this.#nowUs += us;
    this.#lsn += 10n;
    await this.road.source.watermark(this.#lsn, this.#nowUs);
    await this.road.settle();
    return this.#lsn;
  }

  /** The entries of a kind that are there, by id in order; the newest, or as of a position. */
  view<K extends keyof O & string>(kind: K, asOf?: Lsn): Map<string, O[K]> {
    const entries = new Map<string, O[K] | null>();
    for (const { id, version } of this.#versions(kind))
      if (asOf === undefined || version.lsn <= asOf) entries.set(id, version.data);
    const present = [...entries].filter((entry): entry is [string, O[K]] => entry[1] !== null);
    return new Map(present.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  get<K extends keyof O & string>(kind: K, id: string, asOf?: Lsn): O[K] | undefined {
    return this.view(kind, asOf).get(id);
  }

  /** Every version of an entry, oldest first. */
  history<K extends keyof O & string>(kind: K, id: string): Version<O[K]>[] {
    return this.#versions(kind).flatMap((entry) => (entry.id === id ? [entry.version] : []));
  }

  /** Aggregates whose rows went aside because a handler threw. */
  parked(): ParkedState[] {
    return this.#runners.flatMap(({ task }) => task.parked.list());
  }

  /** Kills every task and starts it again from its log. */
  async restart(): Promise<void> {
    this.#runners = [];
    for (const processor of this.#processors) {
      for (let at = 0; at < this.#partitions; at++) this.#runners.push(await this.road.start(processor, at));
    }
    await this.road.settle();
  }

  /** Takes away what newer records of the same key replace, in every view's log. */
  compact(): void {
    for (const { output } of this.#processors) this.road.log.compact(output);
  }

  /** Runs everything again, cut in another way and without clock, chance or I/O; answers what came out differently: nothing. */
  async replay(seed = 1): Promise<string[]> {
    const findings: string[] = [];
    for (const processor of this.#processors) {
      for (let partition = 0; partition < this.#partitions; partition++) {
        findings.push(...(await replay(this.road, processor, { partition, seed })));
      }
    }
    return findings;
  }

  #versions<K extends keyof O & string>(kind: K): { id: string; version: Version<O[K]> }[] {
    return this.#processors.flatMap(({ output }) =>
      Array.from({ length: this.#partitions }, (_, at) => this.road.written(output, at))
        .flat()
        .flatMap(({ entry }) =>
          entry.kind === (kind as string)
            ? [{ id: entry.id, version: { lsn: entry.lsn, data: entry.data as O[K] | null } }]
            : [],
        ),
    );
  }
}
