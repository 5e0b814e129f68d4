import type { LogRecord } from '@millrace/kernel/log';
import type { Lsn } from '@millrace/kernel/position';
import type { Element } from './element.ts';
import { aggregateOf } from './element.ts';
import { HandlerContext } from './handler-context.ts';
import { InputQueue, Merge } from './merge.ts';
import type { Parked } from './parked.ts';
import type { BackgroundWork } from './processor.ts';
import { PuttingAside } from './putting-aside.ts';
import { redriveAll } from './redrive-step.ts';
import type { Redrive, RedriveOutcome } from './redrive-step.ts';
import { recordBytes, resultBatches } from './result.ts';
import type { TaskPosition } from './state-records.ts';
import { Step } from './step.ts';
import type { PendingEntry } from './step.ts';
import type { DeadLetter, TaskOptions, TaskStart } from './task-options.ts';
import { TaskState } from './task-state.ts';

/**
 * The core of a task: elements in, results out; no I/O, no clock. The runner feeds it (`inputs`), runs steps (`advance`) and appends
 * what `takeResult` gives before it feeds or runs anything more.
 */
export class Task {
  readonly inputs: readonly InputQueue[];
  /** Of the redrives that the finished steps have done; the runner tells them when their result is in the log, and empties the list. */
  readonly redriven: RedriveOutcome[] = [];
  readonly #options: TaskOptions;
  readonly #merge: Merge;
  readonly #state: TaskState;
  readonly #context: HandlerContext;
  readonly #aside: PuttingAside;
  readonly #step = new Step();
  readonly #tail: Map<string, Lsn>;
  /** The first result goes at least as far: entries up to here are in the log, and only what follows the last position is known of them. */
  readonly #tailTo: Lsn;
  /** What this release makes of steps within the tail, and the one before it did not: shown with the last step of the result, since positions only grow. */
  readonly #late = new Map<string, PendingEntry>();
  #position: TaskPosition;
  /** Highest step so far: a poison record may stand at the position of an earlier one. */
  #highest: Lsn;
  #entries: LogRecord[] = [];
  #bytes = 0;
  #steps = 0;
  #lazy: Step | null = null;
  #gone: string[] = [];
  #redrives: Redrive[] = [];

  /** `state`: as restored, for this processor; by default none. */
  constructor(options: TaskOptions, start: TaskStart, state = new TaskState(options.processor)) {
    const { processor, inputs } = options;
    this.#options = options;
    this.#position = start.position ?? {
      lsn: 0n,
      frontier: 0n,
      streamTimeUs: 0,
      stateVersion: processor.stateVersion,
      inputs: inputs.map((input) => ({ ...input, offset: 0n })),
    };
    const { frontier } = this.#position;
    this.#highest = this.#position.lsn;
    this.inputs = inputs.map(({ topic, partition }) => {
      const found = this.#position.inputs.find((input) => input.topic === topic && input.partition === partition);
      return new InputQueue(frontier, found?.offset ?? 0n);
    });
    this.#merge = new Merge(this.inputs);
    this.#tail = new Map(start.tail);
    this.#tailTo = [...start.tail.values()].reduce((highest, lsn) => (lsn > highest ? lsn : highest), 0n);
    this.#state = state;
    this.#gone.push(...start.gone);
    const { named, journal, timers } = state;
    this.#context = new HandlerContext({ ...named }, journal, timers, this.#position, options.owns);
    this.#aside = new PuttingAside(state, this.#context, inputs, options.life);
  }

  get state(): TaskState {
    return this.#state;
  }

  get parked(): Parked {
    return this.#state.parked;
  }

  /** Ordered; the runner appends them before the batch that they are followed by, and empties the list. */
  get deadLetters(): DeadLetter[] {
    return this.#aside.letters;
  }

  get position(): TaskPosition {
    return this.#position;
  }

  /** Highest commit time seen, µs since 1970. */
  get streamTimeUs(): number {
    return this.#context.streamTimeUs;
  }

  /** Changes that still reach aggregates over the following steps. */
  get background(): readonly BackgroundWork[] {
    return this.#options.processor.background?.(this.#context.stores as never) ?? [];
  }

  /** Keys whose tombstone is still to be written, as of the last result. */
  get owed(): readonly string[] {
    return [...this.#gone];
  }

  get stateSize(): number {
    return this.#state.size;
  }

  /** Finished steps wait to be taken as a result. */
  get hasResult(): boolean {
    return this.#steps > 0 && this.isPastTail && (this.#context.step === null || this.#lazy !== null);
  }

  /** Nothing is in the log that is later than the next step. */
  get isPastTail(): boolean {
    return this.#highest >= this.#tailTo;
  }

  /** The result holds more than the fact that time went on. */
  get hasChanges(): boolean {
    return this.#entries.length > 0 || this.#lazy !== null || this.#state.isDirty;
  }

  /**
   * Runs steps as far as the inputs go. True: take the result, then call again. False: nothing more without more input.
   * A commit of which only a part has arrived is applied as it comes, once what was finished before it has been taken.
   */
  advance(): boolean {
    for (;;) {
      if (this.#lazy !== null || (this.#bytes > this.#options.resultBytes && this.hasResult)) return true;
      if (this.#context.step === null) {
        const lsn = this.#merge.next();
        if (lsn === null) return false;
        if (this.hasResult && !this.#merge.completeAt(lsn)) return true;
        this.#begin(lsn);
      }
      if (!this.#consume()) return false;
      this.#finish();
    }
  }

  /** Does again what waits for an aggregate, first thing in the next step. What is given must be all that waits when it is called. */
  redrive(redrive: Redrive): void {
    this.#redrives.push(redrive);
  }

  /** A commit of which only a part has arrived is being applied. */
  get isWithinStep(): boolean {
    return this.#context.step !== null;
  }

  /**
   * The record batches of everything finished since the last result, in order; normally one. Nothing else may be called until the last
   * one has been read; then state and position are those of the new result.
   */
  *takeResult(): Generator<readonly LogRecord[]> {
    const position = this.#nextPosition();
    const gone: string[] = [];
    const tombstones = this.#takeGone();
    const { records, watermark, maxBatchBytes } = this.#options;
    const end = [records.position(position), watermark({ lsn: position.frontier, tsUs: position.streamTimeUs })];
    const parts = {
      entries:
        tombstones.length === 0 && this.#lazy === null && this.#late.size === 0
          ? this.#entries
          : this.#allEntries(tombstones),
      stores: this.#state.stores,
      end,
      position,
      maxBatchBytes,
    };
    yield* resultBatches(records, parts, (key) => gone.push(key));
    this.#position = position;
    this.#gone.push(...gone);
    this.#state.clean();
    this.#entries = [];
    this.#bytes = 0;
    this.#steps = 0;
  }

  #nextPosition(): TaskPosition {
    let { frontier } = this.#position;
    let lowest: Lsn | null = null;
    for (const { head, completeTo } of this.inputs) {
      const complete = head === undefined || head.lsn > completeTo ? completeTo : head.lsn - 1n;
      if (lowest === null || complete < lowest) lowest = complete;
    }
    if (lowest !== null && lowest > frontier) frontier = lowest;
    return {
      lsn: this.#highest,
      frontier,
      streamTimeUs: this.#context.streamTimeUs,
      stateVersion: this.#options.processor.stateVersion,
      inputs: this.#options.inputs.map((input, at) => ({ ...input, offset: this.inputs[at]?.resumeOffset ?? 0n })),
    };
  }

  /** Tombstones that an earlier split result still owes, for keys that are still gone. */
  #takeGone(): LogRecord[] {
    const due = this.#gone.splice(0, 1000);
    return due
      .filter((recordKey) => this.#state.storeOf(recordKey) !== undefined && this.#state.isGone(recordKey))
      .map((recordKey) => this.#options.records.tombstone(recordKey));
  }

  *#allEntries(tombstones: readonly LogRecord[]): Generator<LogRecord> {
    yield* tombstones;
    yield* this.#entries;
    if (this.#lazy !== null) yield* this.#lazyEntries(this.#lazy);
    for (const entry of this.#late.values()) yield* this.#options.codec.encode({ ...entry, lsn: this.#highest });
    this.#late.clear();
  }

  *#lazyEntries(step: Step): Generator<LogRecord> {
    const out: LogRecord[] = [];
    this.#encodePuts(step, out);
    yield* out;
    for (const id of step.touched.sorted()) {
      out.length = 0;
      this.#emit(step, id, out);
      yield* out;
    }
    this.#lazy = null;
    this.#context.step = null;
  }

  #begin(lsn: Lsn): void {
    const context = this.#context;
    const now = this.#merge.timeAt(lsn);
    if (now > context.streamTimeUs) context.streamTimeUs = now;
    let tsUs = now;
    for (const { head } of this.inputs) {
      if (head?.lsn === lsn && (head.kind === 'change' || head.kind === 'entry') && head.tsUs > 0) tsUs = head.tsUs;
    }
    // A tombstone whose delete was compacted away has no time.
    if (tsUs === 0) tsUs = context.streamTimeUs;
    this.#context.step = this.#step.begin(lsn, tsUs);
    const before = this.#highest;
    if (lsn > before) this.#highest = lsn;
    context.lsn = lsn;
    context.tsUs = tsUs;
    // A poison record's step may stand at the position of an earlier one, whose readers may know it to be complete.
    if (this.#redrives.length > 0 && lsn > before) {
      const place = { processor: this.#options.processor, context, journal: this.#state.journal, parked: this.parked };
      const topics = this.#options.inputs.map(({ topic }) => topic);
      this.redriven.push(...redriveAll(this.#redrives.splice(0), { ...place, topics }));
    }
    const { processor } = this.#options;
    if (processor.onTimer === undefined) return;
    const { timers, journal } = this.#state;
    for (let due = timers.takeDue(now); due !== undefined; due = timers.takeDue(context.streamTimeUs)) {
      const { key, timer } = due;
      const { aggregate } = timer;
      journal.clear();
      this.#context.onBehalfOf(aggregate);
      try {
        processor.onTimer(key, this.#context as never);
      } catch (error) {
        this.#aside.failed(error, { input: 0, origin: null, offset: -1n, aggregate, timer: key });
      }
      journal.clear();
    }
  }

  /** Takes what the inputs have at the step's lsn. True: all of it. */
  #consume(): boolean {
    const step = this.#context.step;
    if (step === null) return false;
    for (; step.input < this.inputs.length; step.input++) {
      const input = this.inputs[step.input];
      if (input === undefined) break;
      for (let { head } = input; head?.lsn === step.lsn; head = input.head) {
        this.#apply(step.input, head);
        input.take();
      }
      if (!input.isCompleteAt(step.lsn)) return false;
    }
    return true;
  }

  #apply(input: number, element: Element): void {
    const context = this.#context;
    if (element.tsUs > context.streamTimeUs) context.streamTimeUs = element.tsUs;
    if (element.kind === 'watermark') return;
    const { origin, offset } = element;
    if (element.kind === 'poison') {
      this.#aside.failed(element.error, { input, origin, offset, aggregate: aggregateOf(origin.key) });
      return;
    }
    if (this.parked.size > 0) {
      const aggregate = aggregateOf(origin.key);
      const topic = this.#options.inputs[input]?.topic ?? '';
      if (aggregate !== null && this.parked.has(topic, aggregate)) {
        this.#aside.follows({ input, origin, offset, aggregate });
        return;
      }
    }
    context.onBehalfOfRow(origin);
    try {
      if (element.kind === 'change') this.#options.processor.apply(element.change, context as never);
      else this.#options.processor.applyView?.(element.entry, context as never);
    } catch (error) {
      const aggregate = aggregateOf(origin.key);
      // A truncate concerns every aggregate: there is none to park, and going on without it would be wrong for all.
      if (element.kind === 'change' && element.change.op === 't') throw error;
      this.#aside.failed(error, { input, origin, offset, aggregate });
    }
    this.#state.called();
  }

  #finish(): void {
    const step = this.#context.step;
    if (step === null) return;
    this.#steps++;
    if (step.touched.size + step.puts.size > this.#options.lazyAbove && this.isPastTail) {
      this.#lazy = step;
      return;
    }
    const before = this.#entries.length;
    if (step.puts.size > 0) this.#encodePuts(step, this.#entries);
    for (const id of step.touched.sorted()) this.#emit(step, id, this.#entries);
    for (let at = before; at < this.#entries.length; at++) {
      const record = this.#entries[at];
      // The state that goes with an entry weighs about as much.
      if (record !== undefined) this.#bytes += 2 * recordBytes(record);
    }
    this.#context.step = null;
  }

  #emit(step: Step, id: string, out: LogRecord[]): void {
    if (this.parked.size > 0 && this.parked.silences(id)) return;
    step.puts.clear();
    this.#context.onBehalfOf(id);
    const length = out.length;
    try {
      this.#options.processor.emit(id, this.#context as never);
      for (const entry of step.puts.entries()) this.#encode(entry, out);
    } catch (error) {
      out.length = length;
      this.#aside.failed(error, { input: 0, origin: null, offset: -1n, aggregate: id });
    }
    this.#state.called();
  }

  #encodePuts(step: Step, out: LogRecord[]): void {
    for (const entry of step.puts.entries()) {
      const length = out.length;
      try {
        this.#encode(entry, out);
      } catch (error) {
        out.length = length;
        this.#aside.failed(error, { input: 0, origin: null, offset: -1n, aggregate: entry.owner });
      }
    }
  }

  #encode(entry: PendingEntry, out: LogRecord[]): void {
    if (this.#tail.size > 0) {
      const key = `${entry.kind}:${entry.id}`;
      const written = this.#tail.get(key);
      if (written !== undefined && written >= entry.lsn) return;
      if (entry.lsn < this.#tailTo) {
        // What cannot be encoded is its aggregate's fault, and is told now.
        this.#options.codec.encode(entry);
        this.#late.set(key, entry);
        return;
      }
      this.#late.delete(key);
    }
    for (const record of this.#options.codec.encode(entry)) out.push(record);
  }
}
