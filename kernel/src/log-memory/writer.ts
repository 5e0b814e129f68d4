import { PlatformError, asPlatformError } from '../errors/index.ts';
import { checkAppend, partitionName } from '../log/append-check.ts';
import type { AppendRequest, AppendResult, LogWriter, OpenWriterOptions, PartitionEnd } from '../log/index.ts';
import type { MemoryStore } from './store.ts';

/** One call of `append`, as the hooks see it. */
export interface AppendCall {
  readonly writer: string;
  readonly epoch: number;
  readonly batches: readonly AppendRequest[];
}

/** Failures to order: what a hook throws, the call rejects with (as `log-unknown-outcome` where it is no PlatformError). */
export interface MemoryHooks {
  /** Before anything of the call is appended: throwing here leaves the log as it was; awaiting here keeps the call in flight. */
  beforeAppend?: (call: AppendCall) => void | Promise<void>;
  /** After all of the call is appended and readable: throwing here loses the answer only. */
  afterAppend?: (call: AppendCall, results: readonly AppendResult[]) => void | Promise<void>;
}

export interface MemoryWriterContext {
  readonly store: MemoryStore;
  readonly now: () => number;
  /** Read at each call, so that a test may change them at any time. */
  readonly hooks: () => MemoryHooks;
}

export class MemoryWriter implements LogWriter {
  readonly epoch: number;
  readonly ends: readonly PartitionEnd[];
  readonly #context: MemoryWriterContext;
  readonly #name: string;
  readonly #partitions: ReadonlySet<string>;
  #tail: Promise<unknown> = Promise.resolve();
  #broken: PlatformError | null = null;

  constructor(context: MemoryWriterContext, options: OpenWriterOptions) {
    const { store } = context;
    const partitions = options.partitions.map((partition) => ({ ...partition, log: store.partition(partition) }));
    this.#context = context;
    this.#name = options.name;
    this.#partitions = new Set(options.partitions.map(partitionName));
    this.epoch = (store.epochs.get(options.name) ?? 0) + 1;
    store.epochs.set(options.name, this.epoch);
    const barrier = options.barrier(this.epoch);
    this.ends = partitions.map(({ topic, partition, log }) => ({
      topic,
      partition,
      barrierOffset: log.append(options.name, this.epoch, [barrier], context.now()),
      startOffset: log.start,
    }));
    store.changed();
  }

  append(batches: readonly AppendRequest[]): Promise<readonly AppendResult[]> {
    const result = this.#tail.then(() => this.#appendNow(batches));
    this.#tail = result.catch((error: unknown) => {
      this.#broken ??= asPlatformError(error, 'log-unknown-outcome');
    });
    return result;
  }

  async #appendNow(batches: readonly AppendRequest[]): Promise<readonly AppendResult[]> {
    if (this.#broken !== null) throw this.#broken;
    const call: AppendCall = { writer: this.#name, epoch: this.epoch, batches };
    const hooks = this.#context.hooks();
    try {
      if (hooks.beforeAppend !== undefined) await hooks.beforeAppend(call);
      const results = this.#store(batches);
      if (hooks.afterAppend !== undefined) await hooks.afterAppend(call, results);
      return results;
    } catch (error) {
      throw asPlatformError(error, 'log-unknown-outcome');
    }
  }

  #store(batches: readonly AppendRequest[]): readonly AppendResult[] {
    const { store, now } = this.#context;
    checkAppend(this.#name, (name) => this.#partitions.has(name), batches);
    const targets = batches.map((batch) => ({ batch, log: store.partition(batch) }));
    for (const { batch, log } of targets) log.check(this.#name, this.epoch, batch.records);
    const timestampMs = now();
    const results = targets.map(({ batch, log }) => ({
      topic: batch.topic,
      partition: batch.partition,
      baseOffset: log.append(this.#name, this.epoch, batch.records, timestampMs),
    }));
    store.changed();
    return results;
  }

  async close(): Promise<void> {
    await this.#tail;
    this.#broken ??= new PlatformError('internal', `Writer ${this.#name} is closed.`);
  }
}
