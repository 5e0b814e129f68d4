import type { Lsn } from '@millrace/kernel/position';
import type { Change } from '@millrace/schemas/cdc';
import type { CdcTopic } from '@millrace/schemas/topics';
import type { ViewData, ViewEntry, ViewKind } from '@millrace/schemas/views';

/** Log of a view, without prefix. */
export type ViewLog = `views.${string}`;

/**
 * Which partitions of a topic a task reads: the one with its own number (the default), or every one. Reading all is how records get to another
 * key: each task takes those whose new key it owns. It costs every task the decoding of the whole topic.
 */
export type InputPartitions = 'own' | 'all';

/** Rows of some tables of an aggregate topic. Other tables' rows are skipped unread. */
export interface CdcInput {
  readonly from: 'cdc';
  readonly topic: CdcTopic;
  readonly tables: readonly string[];
  readonly partitions?: InputPartitions;
}

/** Entries of another processor's view: joined as of the same commit. */
export interface ViewInput {
  readonly from: 'view';
  readonly topic: ViewLog;
  readonly kinds: readonly ViewKind[];
  readonly partitions?: InputPartitions;
}

export type InputSpec = CdcInput | ViewInput;

export function rowsOf(topic: CdcTopic, ...tables: readonly string[]): CdcInput {
  return { from: 'cdc', topic, tables };
}

/** The broadcast topic: its one partition is read by every task. */
export function referenceRows(...tables: readonly string[]): CdcInput {
  return { from: 'cdc', topic: 'cdc.reference', tables };
}

export function entriesOf(topic: ViewLog, ...kinds: readonly ViewKind[]): ViewInput {
  return { from: 'view', topic, kinds };
}

/** The input, of every partition of its topic. */
export function ofAllPartitions<I extends InputSpec>(input: I): I {
  return { ...input, partitions: 'all' };
}

/** A keyed store's value type and its secondary indexes. Values are JSON-safe and never changed in place. */
export interface StoreSpec<T = unknown, I extends string = string> {
  readonly indexes: Readonly<Record<string, (value: never) => string | null | readonly string[]>>;
  /** Only for the compiler. */
  readonly shape?: { readonly value: T; readonly index: I };
}

/**
 * Declares a store. An index maps a value to the text or texts it is found under (null: none); it lives in memory and is rebuilt at restore.
 */
export function keyedStore<T>(): StoreSpec<T, never>;
export function keyedStore<T, I extends string>(
  indexes: Readonly<Record<I, (value: T) => string | null | readonly string[]>>,
): StoreSpec<T, I>;
export function keyedStore(indexes: StoreSpec['indexes'] = {}): StoreSpec {
  return { indexes };
}

export type StoreSpecs = Readonly<Record<string, StoreSpec>>;

/**
 * State of a task by key. What `get` returns is a value, not a place: build a new one and `set` it, so that a handler that throws can be
 * undone. Iteration order is unspecified: never let a result depend on it.
 */
export interface KeyedStore<T, I extends string = never> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
  delete(key: string): void;
  keys(): Iterable<string>;
  /** Keys whose value has this text under the index. */
  keysBy(index: I, text: string): Iterable<string>;
  readonly size: number;
}

export type StoresOf<S extends StoreSpecs> = {
  readonly [K in keyof S]: S[K] extends StoreSpec<infer T, infer I> ? KeyedStore<T, I> : never;
};

/** What a handler sees: state, the step's position and time, and ways to say what changed. No clock, no chance, no I/O. */
export interface Context<S extends StoreSpecs> {
  readonly stores: StoresOf<S>;
  /** The commit (or watermark) of this step. */
  readonly lsn: Lsn;
  /** Commit time of this step, µs since 1970. */
  readonly tsUs: number;
  /** Highest commit time seen so far, µs since 1970: the only clock. */
  readonly streamTimeUs: number;
  /** Whether this task's partition is the id's. Always so for what comes from the task's own partition of a topic that is keyed by it. */
  owns(id: string): boolean;
  /** `emit` will be called with this aggregate id, once, when the commit is whole. */
  touch(aggregateId: string): void;
  /** The view's entry as of this commit; null deletes it. The last one per key and commit counts. */
  put<K extends ViewKind>(kind: K, id: string, data: ViewData[K] | null): void;
  /** Calls `onTimer(key)` at the first step whose stream time is at or past `dueUs`. One timer per key: setting replaces. */
  setTimer(key: string, dueUs: number): void;
  clearTimer(key: string): void;
}

/**
 * A processor: a deterministic, synchronous function of its inputs in position order.
 *
 * Called by the runtime, one task (partition) at a time: per commit, first `onTimer` for timers that are due, in order of due time and key;
 * then `apply` / `applyView` for its rows and entries, inputs in declared order, each input in log order; then `emit` once per touched
 * aggregate, in order of id. A throw in any of them parks the aggregate concerned and leaves the state as it was before that call.
 */
export interface Processor<S extends StoreSpecs = StoreSpecs> {
  readonly name: string;
  readonly output: ViewLog;
  /** Grows when stored values change their meaning or inputs change; state of another version is refused at start. */
  readonly stateVersion: number;
  readonly inputs: readonly InputSpec[];
  readonly stores: S;
  apply(change: Change, context: Context<S>): void;
  applyView?(entry: ViewEntry, context: Context<S>): void;
  onTimer?(key: string, context: Context<S>): void;
  emit(aggregateId: string, context: Context<S>): void;
  /** What goes on in the background, for the task's status. Reads only. */
  background?(stores: StoresOf<S>): readonly BackgroundWork[];
}

/** A change that still reaches aggregates over the following steps. */
export interface BackgroundWork {
  /** What changed: `<table>/<id>`. */
  readonly cause: string;
  /** Its position, as text. */
  readonly since: string;
  /** Aggregates reached so far, and how many there were when it began. */
  readonly done: number;
  readonly total: number;
}

/** Lets the compiler infer the stores' types. */
export function defineProcessor<S extends StoreSpecs>(processor: Processor<S>): Processor<S> {
  return processor;
}

/** A processor whatever its stores: what the runtime handles. */
export type AnyProcessor = Omit<Processor, 'apply' | 'applyView' | 'onTimer' | 'emit' | 'background'> & {
  apply(change: Change, context: never): void;
  applyView?(entry: ViewEntry, context: never): void;
  onTimer?(key: string, context: never): void;
  emit(aggregateId: string, context: never): void;
  background?(stores: never): readonly BackgroundWork[];
};
