import { PlatformError, asPlatformError } from '@millrace/kernel/errors';
import type { FetchedBatch, LogClient, LogReader, LogRecord, LogWriter, TopicPartition } from '@millrace/kernel/log';
import type { Logger } from '@millrace/kernel/telemetry';
import { barrierRecord, watermarkRecord } from '@millrace/schemas/markers';
import { partitionOf } from '@millrace/schemas/partition';
import type { ViewCodec } from '@millrace/schemas/views';
import type { DeadLetterSink } from './dead-letters.ts';
import type { InputCodecs } from './input-decoder.ts';
import { InputDecoder } from './input-decoder.ts';
import type { AnyProcessor } from './processor.ts';
import { identityOf, openState } from './open-state.ts';
import type { OpenState, WarmStart } from './open-state.ts';
import { RedriveDesk } from './redrive-desk.ts';
import type { RedriveOutcome } from './redrive-step.ts';
import { RestoreMeter } from './restore-meter.ts';
import type { Restored } from './restore.ts';
import { SnapshotTaker } from './snapshot/index.ts';
import type { SnapshotSettings } from './snapshot/index.ts';
import type { SpillSettings } from './spill/index.ts';
import type { OutputSchemas } from './state-records.ts';
import { Task } from './task.ts';
import type { TaskInput } from './task-options.ts';
import { inputsOf, outputOf, refuseOther, taskName } from './task-place.ts';
import type { Turns } from './turns.ts';

export interface RunnerLimits {
  readonly maxBatchBytes: number;
  readonly resultBytes: number;
  readonly lazyAbove: number;
  /** Appends not yet acknowledged, at most. */
  readonly inFlight: number;
  /** An input with more elements waiting than this is not read on until half of them are taken. */
  readonly queued: number;
  /** A watermark alone is passed on at most this often, ms. */
  readonly watermarkMs: number;
}

export const defaultLimits: RunnerLimits = {
  maxBatchBytes: 1_000_000,
  resultBytes: 400_000,
  lazyAbove: 500,
  inFlight: 5,
  queued: 2_000,
  watermarkMs: 100,
};

/** What happened, for metrics. Times in ms. */
export interface RunnerEvents {
  appended(records: number, changes: boolean, lagMs: number, hopMs: number): void;
  parked(aggregate: string): void;
}

export interface RunnerOptions {
  readonly processor: AnyProcessor;
  readonly partition: number;
  /** Of every keyed topic. */
  readonly partitions: number;
  readonly topicPrefix: string;
  readonly log: LogClient;
  /** Those of the process: a long turn waits for its next one there. */
  readonly turns?: Turns;
  /** Of the inputs; by default one of the log's. */
  readonly createReader?: () => LogReader;
  /** `registerOutput` of the output topic. */
  readonly schemas: OutputSchemas;
  /** Of the output topic. */
  readonly codec: ViewCodec;
  readonly inputs: InputCodecs;
  readonly deadLetters: DeadLetterSink;
  readonly logger: Logger;
  /** Milliseconds since 1970; virtual in tests. */
  readonly now: () => number;
  readonly limits?: Partial<RunnerLimits>;
  readonly events?: RunnerEvents;
  /** Where it keeps local snapshots of its state; left out: it reads its changelog from the beginning. */
  readonly snapshots?: SnapshotSettings;
  /** Where its state goes that memory has no room for; left out: all of it stays in memory. */
  readonly spill?: SpillSettings;
  /** What may have read the changelog already, of this very processor and partition. */
  readonly warm?: WarmStart;
  /** Told how far the restore is. */
  readonly meter?: RestoreMeter;
}

/** Longest wait for data; nothing depends on it but the end of a poll at shutdown. */
const IDLE_POLL_MS = 5_000;
/** A turn of this length is one of many: a live commit takes less than a ms. */
const LONG_TURN_MS = 5;

/**
 * A task with its I/O: restore, then poll → merge → append. One at a time per output partition: the fenced writer sees to that. Throws
 * when it cannot go on (fenced, unknown outcome, own records unreadable); a new runner then restores and goes on.
 */
export class TaskRunner {
  readonly name: string;
  readonly processorName: string;
  readonly output: TopicPartition;
  readonly inputs: readonly TaskInput[];
  readonly task: Task;
  readonly decoders: readonly InputDecoder[];
  readonly restored: Pick<Restored, 'records'> & Pick<OpenState, 'snapshotOffset' | 'wasWarm'>;
  readonly #options: RunnerOptions;
  readonly #limits: RunnerLimits;
  readonly #writer: LogWriter;
  readonly #reader: LogReader;
  readonly #inFlight = new Set<Promise<bigint | null>>();
  readonly #failed = new AbortController();
  readonly #paused = new Set<number>();
  readonly #redrives: RedriveDesk;
  readonly #snapshots: SnapshotTaker | null;
  /** Offset after the last result, when it is acknowledged; null where that failed. */
  #lastResult: Promise<bigint | null> = Promise.resolve(null);
  #lastAppendMs = 0;
  #polledMs = 0;

  private constructor(
    options: RunnerOptions,
    limits: RunnerLimits,
    writer: LogWriter,
    reader: LogReader,
    { state, restored, snapshotOffset, wasWarm, unsaved }: OpenState,
    identity: string | null,
    task: Task,
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#writer = writer;
    this.#reader = reader;
    this.restored = { records: restored.records, snapshotOffset, wasWarm };
    this.task = task;
    this.output = outputOf(options);
    this.name = taskName(options);
    this.processorName = options.processor.name;
    const inputs = inputsOf(options);
    this.inputs = inputs.map(({ topic, partition }) => ({ topic, partition }));
    this.decoders = inputs.flatMap(({ spec }, at) => {
      const queue = task.inputs[at];
      return queue === undefined ? [] : [new InputDecoder(spec, options.inputs, queue)];
    });
    const source = { processor: options.processor.name, inputs, codecs: options.inputs, log: options.log };
    this.#redrives = new RedriveDesk(task, source);
    this.#snapshots = this.#snapshotTaker(state, unsaved, identity);
    reader.assign(this.inputs.map((input, at) => ({ ...input, offset: task.inputs[at]?.resumeOffset ?? 0n })));
  }

  /** Fences the former writer, restores from the log, and stands ready to poll. */
  static async open(options: RunnerOptions): Promise<TaskRunner> {
    const { processor, log, codec } = options;
    const { records, watermarkId, barrierId } = options.schemas;
    const limits = { ...defaultLimits, ...options.limits };
    const output = outputOf(options);
    const name = taskName(options);
    if (options.warm !== undefined) await options.warm.rest();
    const writer = await log.openWriter({
      name,
      partitions: [output],
      barrier: (epoch) => barrierRecord(barrierId, name, epoch),
    });
    const [end] = writer.ends;
    if (end === undefined) throw new PlatformError('internal', `the writer of ${name} opened no partition`);
    const reader = log.createReader();
    try {
      const { snapshots, spill = null, warm = null, now, logger, meter = new RestoreMeter(now) } = options;
      const isTrusted = snapshots !== undefined || warm !== null;
      const identity = isTrusted ? await identityOf(log, output.topic, logger) : null;
      const opened = await openState({
        ...{ task: name, processor, reader, end, records, codec, spill, meter, now, logger, warm, identity },
        disk: snapshots?.disk ?? null,
      });
      const { restored } = opened;
      const inputs = inputsOf(options).map(({ topic, partition }) => ({ topic, partition }));
      const owns = (id: string): boolean => partitionOf(id, options.partitions) === options.partition;
      refuseOther(name, processor, inputs, restored);
      const watermark = (applied: Parameters<typeof watermarkRecord>[1]): LogRecord =>
        watermarkRecord(watermarkId, applied);
      const { maxBatchBytes, resultBytes, lazyAbove } = limits;
      const task = new Task(
        {
          ...{ processor, inputs, owns, codec, records, watermark, maxBatchBytes, resultBytes, lazyAbove },
          life: end.barrierOffset.toString(),
        },
        restored,
        opened.state,
      );
      const inputReader = options.createReader?.() ?? log.createReader();
      return new TaskRunner(options, limits, writer, inputReader, opened, identity, task);
    } catch (error) {
      await writer.close().catch(() => undefined);
      throw error;
    } finally {
      await reader.close();
    }
  }

  /** Polls and processes until the signal aborts, then waits for what is in flight. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([signal, this.#failed.signal]);
    const stopped = (): boolean => stop.aborted;
    while (!stopped()) {
      const batches = await this.#reader.poll(this.#waitMs(), stop);
      if (stopped()) break;
      const beganMs = this.#options.now();
      await this.turn(batches);
      if (this.#options.now() - beganMs >= LONG_TURN_MS) await this.#options.turns?.next();
    }
    await this.settled();
    await this.#snapshots?.last();
  }

  /** One read without waiting and its processing, all of it appended: for tests. False when there was nothing to read. */
  async step(): Promise<boolean> {
    const batches = await this.#reader.poll(0);
    await this.turn(batches);
    await this.settled();
    return batches.length > 0;
  }

  /**
   * Does again what waits for a parked aggregate, as one step of the task, after the commits so far; or forgets it. Resolves when the result is in the log.
   * Throws `not-found` where it is not parked, `conflict` where that cannot be done, or where the task ends before.
   */
  redrive(aggregate: string, drops = false): Promise<RedriveOutcome> {
    return this.#redrives.ask(aggregate, drops);
  }

  /** Takes what a poll brought. Appends go out at once; their answers are awaited only when too many are open. */
  async turn(batches: readonly FetchedBatch[]): Promise<void> {
    this.#polledMs = this.#options.now();
    if (this.#redrives.isAsked && this.task.isPastTail && !this.task.isWithinStep) {
      // What was put aside so far is in the topic then, and in the state.
      if (this.task.hasResult) await this.#flush();
      await this.#redrives.prepare();
    }
    for (const batch of batches) {
      const at = this.inputs.findIndex(
        ({ topic, partition }) => topic === batch.topic && partition === batch.partition,
      );
      await this.decoders[at]?.feed(batch);
    }
    for (;;) {
      const more = this.task.advance();
      if (this.task.hasResult && (more || this.#isDue())) await this.#flush();
      if (!more) break;
    }
    for (const input of this.task.inputs) input.own();
    this.#pauseAndResume();
    this.#snapshots?.consider();
    if (this.task.redriven.length > 0 && !this.task.hasResult && !this.task.isWithinStep) {
      await this.settled();
      this.#redrives.tell();
    }
  }

  /** Waits for every append's answer. Throws what an append threw. */
  async settled(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
    this.#throwIfFailed();
  }

  async close(): Promise<void> {
    this.#redrives.close();
    await this.#snapshots?.close();
    await this.#reader.close();
    await this.#writer.close().catch(() => undefined);
    await this.task.state.close();
  }

  /** A change goes on at once; the bare fact that the source went on may wait a little for company. */
  #isDue(): boolean {
    return this.task.hasChanges || this.#polledMs - this.#lastAppendMs >= this.#limits.watermarkMs;
  }

  #waitMs(): number {
    if (!this.task.hasResult) return IDLE_POLL_MS;
    return Math.max(1, Math.ceil(this.#lastAppendMs + this.#limits.watermarkMs - this.#options.now()));
  }

  async #flush(): Promise<void> {
    const { partition, processor, deadLetters } = this.#options;
    const changes = this.task.hasChanges;
    let appended: Promise<bigint | null> = Promise.resolve(null);
    let count = 0;
    for (const records of this.task.takeResult()) {
      const letters = this.task.deadLetters.splice(0);
      if (letters.length > 0) {
        await deadLetters.append({ processor: processor.name, partition }, letters);
        for (const { parks, kind, message, input } of letters) {
          if (parks === null && kind === 'parked') continue;
          if (parks !== null) this.#options.events?.parked(parks);
          this.#options.logger.error(
            { task: this.name, aggregate: parks, topic: input.topic, kind, reason: message },
            parks === null
              ? 'a record went to the dead-letter topic'
              : 'an aggregate is parked in the dead-letter topic',
          );
        }
      }
      while (this.#inFlight.size >= this.#limits.inFlight) await Promise.race(this.#inFlight);
      this.#throwIfFailed();
      appended = this.#append(records, changes);
      count += records.length;
    }
    this.#lastAppendMs = this.#polledMs;
    if (this.#snapshots !== null) this.#lastResult = this.#acknowledged(this.#snapshots, appended, count);
  }

  /** Tells the snapshots of a result when the log has it. To be called when the result has just been taken. */
  async #acknowledged(snapshots: SnapshotTaker, appended: Promise<bigint | null>, records: number) {
    const { position, owed: gone } = this.task;
    const atMs = this.#options.now();
    const offset = await appended;
    if (offset !== null) snapshots.acknowledged({ offset, position, gone, atMs }, records);
    return offset;
  }

  /** Resolves with the offset after the records, or null where it failed: that ends the task. */
  #append(records: readonly LogRecord[], changes: boolean): Promise<bigint | null> {
    const { now, events } = this.#options;
    const { streamTimeUs } = this.task;
    const polledMs = this.#polledMs;
    const appended: Promise<bigint | null> = this.#writer.append([{ ...this.output, records }]).then(
      ([result]) => {
        this.#inFlight.delete(appended);
        const at = now();
        events?.appended(records.length, changes, at - streamTimeUs / 1000, at - polledMs);
        return result === undefined ? null : result.baseOffset + BigInt(records.length);
      },
      (error: unknown) => {
        this.#inFlight.delete(appended);
        this.#failed.abort(asPlatformError(error));
        return null;
      },
    );
    this.#inFlight.add(appended);
    return appended;
  }

  #snapshotTaker(state: OpenState['state'], records: number, log: string | null): SnapshotTaker | null {
    const { snapshots, processor, now, logger } = this.#options;
    if (snapshots === undefined || log === null) return null;
    const { topic, partition } = this.output;
    const of = { log, topic, partition, processor: processor.name, stateVersion: processor.stateVersion };
    const acknowledged = async (): Promise<bigint> => {
      const offset = await this.#lastResult;
      if (offset !== null) return offset;
      this.#throwIfFailed();
      throw new PlatformError('internal', `${this.name} does not know where its log ends`);
    };
    return new SnapshotTaker(snapshots, { task: this.name, state, of, acknowledged, now, logger }, records);
  }

  #throwIfFailed(): void {
    if (this.#failed.signal.aborted) throw this.#failed.signal.reason as PlatformError;
  }

  #pauseAndResume(): void {
    for (const [at, queue] of this.task.inputs.entries()) {
      const input = this.inputs[at];
      if (input === undefined) continue;
      if (queue.length > this.#limits.queued && !this.#paused.has(at)) {
        this.#paused.add(at);
        this.#reader.pause([input]);
      } else if (queue.length <= this.#limits.queued / 2 && this.#paused.delete(at)) {
        this.#reader.resume([input]);
      }
    }
  }
}
