import type { FetchedBatch, LogClient, LogReader } from '@millrace/kernel/log';
import type { Logger } from '@millrace/kernel/telemetry';
import { topicOfLog, viewOfTopic } from '@millrace/schemas/stores';
import type { AppliedMark, PartitionMark, ViewName } from '@millrace/schemas/stores';
import type { ViewCodec, ViewEntry } from '@millrace/schemas/views';
import { partitionKey } from '../port/index.ts';
import type { Sink } from '../port/index.ts';
import type { Clock } from './clock.ts';
import type { DeadLetters, Unapplied } from './dead-letters.ts';
import type { SinkMetrics } from './metrics.ts';
import { PartitionReader } from './partition-reader.ts';
import { Pending } from './pending.ts';
import type { BatchLimits } from './pending.ts';
import type { Progress } from './progress.ts';
import type { LogRange } from './refused-record.ts';
import type { Replays } from './replay.ts';
import { feedReplay } from './replay-feed.ts';
import { Signal } from './signal.ts';
import { StoreWrites } from './store-writes.ts';

export interface SessionParts {
  readonly sink: Sink;
  readonly log: LogClient;
  readonly topicPrefix: string;
  /** Which log of its views the sink follows. */
  readonly viewLog: number;
  readonly codec: (view: ViewName) => Promise<ViewCodec>;
  readonly deadLetters: DeadLetters;
  readonly limits: BatchLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: SinkMetrics;
  readonly progress: Progress;
  readonly replays: Replays;
  /** Absent: as fast as the store takes it. */
  readonly pace?: Pace;
  /** The store has answered and its positions are known; and again at each write that succeeded. */
  readonly alive: () => void;
}

/** How a session holds itself back. */
export interface Pace {
  /** Ms to rest after so many entries were read; 0 for none. */
  restMs(entries: number): number;
}

const POLL_MS = 500;

/**
 * One stretch of work on a store that answers: open, read its positions, then read the log and write side by side until stopped or something
 * fails. Nothing outlives it but what the store holds: the next session begins from there, so an unsettled write is simply done again.
 */
export class Session {
  readonly #parts: SessionParts;
  readonly #pending: Pending;
  readonly #readers = new Map<string, PartitionReader>();
  /** By partition, for each fetch that is not applied yet: its end and when its first entry's commit was, ms. */
  readonly #commits = new Map<string, { offset: bigint; committedAtMs: number }[]>();
  readonly #writes: StoreWrites;
  readonly #added = new Signal();
  readonly #taken = new Signal();
  readonly #failure = new AbortController();
  #reading = true;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#pending = new Pending(parts.limits);
    this.#writes = new StoreWrites({
      ...parts,
      putAside: ({ topic, partition }, unapplied) =>
        this.#putAside(topic, partition, unapplied, 'is refused by the store'),
    });
  }

  /** Resolves after `stop` aborts, everything read is written and its marks are stored. Throws what failed. */
  async run(stop: AbortSignal): Promise<void> {
    const { sink, log, limits } = this.#parts;
    // What one poll brings is held besides what waits already.
    const maxBytes = Math.max(262_144, Math.floor(limits.pendingBytes / 4));
    const reader = log.createReader({ maxBytes });
    try {
      await sink.open({
        applied: (marks) => this.#applied(marks),
        failed: (error) => this.#fail(error),
        refused: (refusals) => this.#writes.refused(refusals),
      });
      await this.#assign(reader, await sink.positions());
      this.#parts.alive();
      await Promise.all([
        this.#guarded(() => this.#read(reader, maxBytes, AbortSignal.any([stop, this.#failure.signal]))),
        this.#guarded(() => this.#write()),
        this.#guarded(() => this.#replay(AbortSignal.any([stop, this.#failure.signal]))),
      ]);
      if (this.#failure.signal.aborted) throw this.#failure.signal.reason;
      await sink.flush();
    } finally {
      await reader.close();
      await sink.close();
    }
  }

  async #assign(reader: LogReader, stored: readonly PartitionMark[]): Promise<void> {
    const { sink, log, topicPrefix, viewLog, progress } = this.#parts;
    progress.reset(stored);
    const marks = new Map<string, AppliedMark>(stored.map((mark) => [partitionKey(mark), mark]));
    for (const view of sink.views) {
      const topic = topicPrefix + topicOfLog(view, viewLog);
      const codec = await this.#parts.codec(view);
      for (const { partition, start: first, end } of await log.admin.offsets(topic)) {
        const start = marks.get(partitionKey({ view, partition })) ?? { lsn: 0n, committedAtMs: 0, offset: first };
        const deadLetter = (unapplied: Unapplied) => this.#putAside(topic, partition, unapplied, 'cannot be read');
        this.#readers.set(`${topic}/${partition}`, new PartitionReader({ view, partition, codec, start, deadLetter }));
        this.#writes.begin({ view, partition }, start);
        progress.logEnd(view, partition, end);
        reader.assign([{ topic, partition, offset: start.offset }]);
      }
    }
  }

  async #read(reader: LogReader, maxBytes: number, stop: AbortSignal): Promise<void> {
    try {
      await this.#readUntil(reader, maxBytes, stop);
    } finally {
      this.#reading = false;
      this.#added.notify();
    }
  }

  async #readUntil(reader: LogReader, maxBytes: number, stop: AbortSignal): Promise<void> {
    const { limits, clock } = this.#parts;
    while (!stop.aborted) {
      if (this.#pending.isFull) {
        await this.#taken.wait();
        continue;
      }
      const batches = await reader.poll(POLL_MS, stop);
      let entries = 0;
      const bytes = batches.reduce((sum, { byteLength }) => sum + byteLength, 0);
      for (const batch of batches) entries += await this.#take(batch);
      if (batches.length === 0) continue;
      this.#added.notify();
      // A fetch that was as large as may be says that more is waiting: there is nothing to gather.
      const gatherMs = 2 * bytes < maxBytes ? limits.readEveryMs : 0;
      const restMs = Math.max(gatherMs, this.#parts.pace?.restMs(entries) ?? 0);
      if (restMs > 0) await clock.wait(restMs, stop);
    }
  }

  async #take(batch: FetchedBatch): Promise<number> {
    const { topicPrefix, progress, clock, metrics, sink } = this.#parts;
    const { topic, partition } = batch;
    const partitionReader = this.#readers.get(`${topic}/${partition}`);
    if (partitionReader === undefined) return 0;
    const view = viewOfTopic(topic, topicPrefix);
    const { entries, mark } = await partitionReader.read(batch);
    progress.logEnd(view, partition, batch.highWatermark);
    this.#pending.add({ view, partition, entries, applied: mark }, batch.byteLength, clock.now());
    metrics.pendingBytes.set({ sink: sink.name }, this.#pending.bytes);
    const [first] = entries;
    if (first === undefined) return 0;
    const commits = this.#commits.get(partitionKey({ view, partition })) ?? [];
    commits.push({ offset: mark.offset, committedAtMs: first.tsUs / 1000 });
    this.#commits.set(partitionKey({ view, partition }), commits);
    return entries.length;
  }

  async #write(): Promise<void> {
    const { clock } = this.#parts;
    const failed = this.#failure.signal;
    while (!failed.aborted) {
      if (this.#pending.isEmpty) {
        if (!this.#reading) return;
        await this.#added.wait();
        continue;
      }
      const waitMs = this.#reading ? this.#pending.dueAt() - clock.now() : 0;
      if (waitMs > 0) {
        await this.#waitUntilDue(waitMs);
        continue;
      }
      await this.#hand();
    }
  }

  /** Ends early where more was added: that may have made it due. */
  async #waitUntilDue(waitMs: number): Promise<void> {
    const over = new AbortController();
    const waited = this.#parts.clock.wait(waitMs, over.signal);
    await Promise.race([waited, this.#added.wait()]);
    over.abort();
  }

  async #hand(): Promise<void> {
    const batches = this.#pending.take();
    this.#taken.notify();
    await this.#writes.live(batches);
  }

  /** Gives the store again what an operator asks for, beside what is live. */
  async #replay(stop: AbortSignal): Promise<void> {
    const { replays, log, codec, clock } = this.#parts;
    for (let replay = await replays.next(stop); replay !== null; replay = await replays.next(stop)) {
      const { view } = replay.request;
      const reader = log.createReader();
      try {
        const ranges = await this.#writes.given(view);
        const give = (range: LogRange, entries: readonly ViewEntry[]) => this.#writes.again(view, range, entries);
        await feedReplay(replay, { reader, ranges, codec: await codec(view), clock, give }, stop);
      } finally {
        await reader.close();
      }
    }
  }

  #applied(marks: readonly PartitionMark[]): void {
    const { sink, metrics, progress, clock } = this.#parts;
    progress.applied(marks);
    const now = clock.now();
    for (const mark of marks) {
      const commits = this.#commits.get(partitionKey(mark)) ?? [];
      const waiting = commits.findIndex(({ offset }) => offset > mark.offset);
      for (const { committedAtMs } of commits.splice(0, waiting < 0 ? commits.length : waiting)) {
        const seconds = Math.max(0, now - committedAtMs) / 1000;
        metrics.commitToVisible.observe({ sink: sink.name, view: mark.view }, seconds);
      }
    }
  }

  async #putAside(topic: string, partition: number, unapplied: Unapplied, what: string): Promise<void> {
    const { deadLetters, metrics, logger, sink } = this.#parts;
    const { record, error } = unapplied;
    await deadLetters.keep({ topic, partition }, unapplied);
    metrics.deadLetters.inc({ sink: sink.name, topic });
    logger.warn(
      { topic, partition, offset: record.offset.toString(), kind: error.kind },
      `a record that ${what} was put into ${topic}.dlq; going on after it`,
    );
  }

  async #guarded(loop: () => Promise<void>): Promise<void> {
    try {
      await loop();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failure.abort(error);
    this.#added.notify();
    this.#taken.notify();
  }
}
