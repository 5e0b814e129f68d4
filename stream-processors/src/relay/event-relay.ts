import { isKind } from '@millrace/kernel/errors';
import type { FetchedBatch, LogClient, LogReader, LogRecord, LogWriter, TopicPartition } from '@millrace/kernel/log';
import type { AppliedPosition } from '@millrace/kernel/position';
import { isWatermarkKey, readWatermark } from '@millrace/schemas/markers';
import type { ViewCodec, ViewEntry } from '@millrace/schemas/views';
import { lastMark, markRecord } from './mark.ts';

export interface EventRelayOptions {
  readonly log: LogClient;
  /** The view's log, and the events' partition that follows it; topics as the log names them. */
  readonly from: TopicPartition;
  readonly to: TopicPartition;
  readonly codec: ViewCodec;
  /** An entry's event; null: it is none. */
  readonly event: (entry: ViewEntry) => LogRecord | null;
  readonly watermark: (applied: AppliedPosition) => LogRecord;
  readonly barrier: (writer: string, epoch: number) => LogRecord;
  readonly createReader?: () => LogReader;
  /** ms; for how long nothing has been written. */
  readonly now: () => number;
}

const POLL_MS = 500;
/** An idle log's writer and its place in the input stay known. */
const MARK_MS = 3600 * 1000;

/**
 * Makes a topic of events out of a view's log: an entry that is an event becomes one record, in order.
 *
 * Guarantee: each once, for any consumer. The task's batch made entry and state one; the relay's batch makes events and the place in that log one
 * (`_watermark` with the next offset as a header). Its writer is fenced; at its start it reads the end of its own log and goes on there. So
 * no third state is kept anywhere, and a crash at any point repeats nothing and leaves nothing out.
 */
export class EventRelay {
  readonly #options: EventRelayOptions;
  readonly #writer: LogWriter;
  readonly #reader: LogReader;
  #applied: AppliedPosition;
  #wroteMs: number;
  /** Events of positions at or below are told: only where offsets of the input no longer say so. */
  readonly #toldTo: bigint;

  private constructor(
    options: EventRelayOptions,
    writer: LogWriter,
    reader: LogReader,
    applied: AppliedPosition,
    toldTo: bigint,
  ) {
    this.#options = options;
    this.#writer = writer;
    this.#reader = reader;
    this.#applied = applied;
    this.#toldTo = toldTo;
    this.#wroteMs = options.now();
  }

  /** Takes the log over from any older relay of it. */
  static async open(options: EventRelayOptions): Promise<EventRelay> {
    const { log, from, to, barrier } = options;
    const name = `${to.topic}/${to.partition}`;
    const writer = await log.openWriter({ name, partitions: [to], barrier: (epoch) => barrier(name, epoch) });
    const [end] = writer.ends;
    const ownEnd = log.createReader();
    const mark = end === undefined ? null : await lastMark(ownEnd, end).finally(() => ownEnd.close());
    const input = (await log.admin.offsets(from.topic)).find(({ partition }) => partition === from.partition);
    // A view that was made anew has another log, or one that began again.
    const isSameTopic = mark !== null && (mark.topic ?? from.topic.replace(/\.g\d+$/, '')) === from.topic;
    const isSameLog = isSameTopic && input !== undefined && mark.offset >= input.start && mark.offset <= input.end;
    const reader = options.createReader?.() ?? log.createReader();
    reader.assign([{ ...from, offset: isSameLog ? mark.offset : (input?.start ?? 0n) }]);
    const applied = mark?.applied ?? { lsn: 0n, tsUs: 0 };
    return new EventRelay(options, writer, reader, applied, isSameLog ? 0n : applied.lsn);
  }

  async run(signal: AbortSignal): Promise<void> {
    const stopped = (): boolean => signal.aborted;
    while (!stopped()) {
      const batches = await this.#reader.poll(POLL_MS, signal);
      if (!stopped()) await this.#follow(batches);
    }
  }

  /** One read without waiting and what it brought, appended: for tests. False when there was nothing to read. */
  async step(): Promise<boolean> {
    const batches = await this.#reader.poll(0);
    await this.#follow(batches);
    return batches.length > 0;
  }

  async close(): Promise<void> {
    await this.#reader.close();
    await this.#writer.close().catch(() => undefined);
  }

  async #follow(batches: readonly FetchedBatch[]): Promise<void> {
    for (const batch of batches) {
      const events: LogRecord[] = [];
      for (const { key, value } of batch.records) {
        if (value !== null && isWatermarkKey(key)) this.#applied = readWatermark(value);
        const entry = await this.#decode(key, value);
        const event = entry === null || entry.lsn <= this.#toldTo ? null : this.#options.event(entry);
        if (event !== null) events.push(event);
      }
      const nowMs = this.#options.now();
      if (events.length === 0 && nowMs - this.#wroteMs < MARK_MS) continue;
      const mark = markRecord(this.#options.watermark(this.#applied), this.#options.from.topic, batch.nextOffset);
      await this.#writer.append([{ ...this.#options.to, records: [...events, mark] }]);
      this.#wroteMs = nowMs;
    }
  }

  async #decode(key: Buffer | null, value: Buffer | null): Promise<ViewEntry | null> {
    const { codec } = this.#options;
    try {
      return codec.decode(key, value);
    } catch (error) {
      if (value === null || !isKind(error, 'schema-unknown')) throw error;
      await codec.prepare(value);
      return codec.decode(key, value);
    }
  }
}
