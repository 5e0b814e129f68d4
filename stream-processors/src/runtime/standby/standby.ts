import type { LogClient, LogReader, PartitionEnd, TopicPartition } from '@millrace/kernel/log';
import { PlatformError } from '@millrace/kernel/errors';
import type { Logger } from '@millrace/kernel/telemetry';
import { firstStart, identityOf } from '../open-state.ts';
import type { StateStart, WarmStart } from '../open-state.ts';
import type { AnyProcessor } from '../processor.ts';
import { DoubtfulSnapshot, MOST_AGE_MS } from '../snapshot/index.ts';
import type { SnapshotDisk } from '../snapshot/index.ts';
import type { SpillSettings } from '../spill/index.ts';
import type { StateRecords } from '../state-records.ts';

export interface StandbyOptions {
  readonly processor: AnyProcessor;
  readonly output: TopicPartition;
  readonly log: LogClient;
  /** By default one of the log's. */
  readonly createReader?: () => LogReader;
  readonly records: StateRecords;
  /** Where the task would keep snapshots here; null: the whole log is read. */
  readonly disk: SnapshotDisk | null;
  /** Where state goes that memory has no room for; null: all of it stays in memory. */
  readonly spill: SpillSettings | null;
  /** Ms since 1970, by a clock that goes on while the machine sleeps. */
  readonly now: () => number;
  readonly logger: Logger;
}

/** How far a standby is, for whoever looks. */
export interface StandbyReport {
  /** Read so far: everything below. */
  readonly offset: bigint;
  /** The log's end when it was last heard of; null before that. */
  readonly endOffset: bigint | null;
  /** Read since it began. */
  readonly records: number;
  /** Keys that it holds. */
  readonly keys: number;
  /** It has been at the log's end. */
  readonly isWarm: boolean;
}

/** Longest wait for data; a take-over ends it at once. */
const POLL_MS = 5_000;
const AWAY = 'it has not been at the log’s end for long';

/**
 * A copy of the state of a task that another process runs: it reads the task's log and nothing else, writes nothing, and runs no handler. When the task is opened
 * here, it goes on from there: what is left to read is what came since, up to the barrier of the task's own writer.
 *
 * Guarantee: what is taken over is what reading the log from its beginning would come to. It holds because it takes the same records in the same order, and
 * because nothing is taken of a log that is not the one it read, that ends before what it read, or that may have forgotten deletions that it did not see.
 */
export class Standby implements WarmStart {
  readonly #options: StandbyOptions;
  readonly #stop = new AbortController();
  #start: StateStart | null = null;
  #identity: string | null = null;
  #endOffset: bigint | null = null;
  #isWarm = false;
  /** All that the log held then is read, or still to be found in it. */
  #freshMs = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: StandbyOptions) {
    this.#options = options;
  }

  /**
   * Reads until the signal aborts, or a task takes over. Throws what reading throws, and `DoubtfulSnapshot` where it reads on after so long that the log may have
   * forgotten deletions: it is of no use then.
   */
  run(signal: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([signal, this.#stop.signal]);
    const running = this.#read(stop).catch(async (error: unknown) => {
      await this.close();
      throw error;
    });
    this.#running = running.catch(() => undefined);
    return running;
  }

  async rest(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async take(end: PartitionEnd, identity: string): Promise<StateStart | null> {
    const start = this.#start;
    if (start === null) return null;
    const doubt = this.#doubt(start, end, identity);
    if (doubt !== null) {
      await this.close();
      throw new DoubtfulSnapshot(doubt);
    }
    this.#start = null;
    return start;
  }

  /** What it has is given up. Not before its reading has ended. */
  async close(): Promise<void> {
    const start = this.#start;
    this.#start = null;
    await start?.state.close();
  }

  /** Null until it has begun, and where it was taken over. */
  report(): StandbyReport | null {
    if (this.#start === null) return null;
    const { reading, state } = this.#start;
    const { nextOffset: offset, count: records } = reading;
    return { offset, endOffset: this.#endOffset, records, keys: state.size, isWarm: this.#isWarm };
  }

  #doubt({ reading: { nextOffset } }: StateStart, end: PartitionEnd, identity: string): string | null {
    if (identity !== this.#identity) return 'it is of another log of that name';
    if (nextOffset > end.barrierOffset) return 'the log ends before it';
    if (nextOffset < end.startOffset) return 'the log begins after it';
    return this.#isFresh ? null : AWAY;
  }

  /** What was deleted since it was last at the log's end is in it, or still in the log. */
  get #isFresh(): boolean {
    const ageMs = this.#options.now() - this.#freshMs;
    return ageMs >= 0 && ageMs <= MOST_AGE_MS;
  }

  async #read(stop: AbortSignal): Promise<void> {
    const { output, log, createReader } = this.#options;
    const start = await this.#begin();
    if (start === null) return;
    this.#start = start;
    this.#freshMs = start.sinceMs;
    const { reading } = start;
    const reader = createReader?.() ?? log.createReader();
    try {
      reader.assign([{ ...output, offset: reading.nextOffset }]);
      let askedMs = start.sinceMs;
      while (!stop.aborted) {
        // What comes may have been fetched right after the poll before.
        const fetchedMs = askedMs;
        askedMs = this.#options.now();
        const batches = await reader.poll(POLL_MS, stop);
        // Having come to the end once more it would seem to be sure, and what was deleted and forgotten meanwhile would still be in it.
        if (batches.length > 0 && !this.#isFresh) throw new DoubtfulSnapshot(AWAY);
        for (const { records, nextOffset, highWatermark } of batches) {
          for (const record of records) reading.take(record);
          reading.readTo(nextOffset);
          this.#endOffset = highWatermark;
          if (nextOffset < highWatermark) continue;
          this.#freshMs = fetchedMs;
          this.#isWarm = true;
        }
      }
    } finally {
      await reader.close();
    }
  }

  /** Null where the log does not say which it is. */
  async #begin(): Promise<StateStart | null> {
    const { output, log, processor, records, disk, spill, now, logger } = this.#options;
    const { topic, partition } = output;
    this.#identity = await identityOf(log, topic, logger);
    if (this.#identity === null) return null;
    const bounds = (await log.admin.offsets(topic)).find((one) => one.partition === partition);
    if (bounds === undefined)
      throw new PlatformError('topic-missing', `There is no partition ${partition} of ${topic}.`);
    return firstStart({
      ...{ task: `${topic}/${partition}`, processor, records, disk, spill, identity: this.#identity, now, logger },
      end: { topic, partition, startOffset: bounds.start, barrierOffset: bounds.end },
    });
  }
}
