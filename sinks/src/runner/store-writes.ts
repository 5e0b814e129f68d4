import type { LogClient } from '@millrace/kernel/log';
import { topicOfLog } from '@millrace/schemas/stores';
import type { AppliedMark, ViewName } from '@millrace/schemas/stores';
import type { ViewCodec, ViewEntry } from '@millrace/schemas/views';
import { partitionKey } from '../port/index.ts';
import type { Refusal, Sink, SinkBatch } from '../port/index.ts';
import type { Unapplied } from './dead-letters.ts';
import type { SinkMetrics } from './metrics.ts';
import { refusedRecord } from './refused-record.ts';
import type { LogRange } from './refused-record.ts';

export interface StoreWritesParts {
  readonly sink: Sink;
  readonly log: LogClient;
  readonly topicPrefix: string;
  readonly viewLog: number;
  readonly codec: (view: ViewName) => Promise<ViewCodec>;
  readonly metrics: SinkMetrics;
  /** At each write that succeeded. */
  readonly alive: () => void;
  /** Resolves when the record is kept. */
  readonly putAside: (range: LogRange, unapplied: Unapplied) => Promise<void>;
}

interface Handed {
  readonly batch: SinkBatch;
  /** Where it was read. */
  readonly range: LogRange;
}

/** Everything that a session gives its sink: one write at a time, whichever loop it is of. After one that failed there is none. */
export class StoreWrites {
  readonly #parts: StoreWritesParts;
  /** By partition, what the store has been given. */
  readonly #given = new Map<string, AppliedMark>();
  #handed: readonly Handed[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(parts: StoreWritesParts) {
    this.#parts = parts;
  }

  /** The session begins there. */
  begin(of: { readonly view: ViewName; readonly partition: number }, mark: AppliedMark): void {
    this.#given.set(partitionKey(of), mark);
  }

  /** What comes next in the log of each partition. */
  async live(batches: readonly SinkBatch[]): Promise<void> {
    const { topicPrefix, viewLog, metrics, sink } = this.#parts;
    const handed = batches.map((batch) => {
      const { view, partition, applied } = batch;
      const from = this.#given.get(partitionKey(batch))?.offset ?? 0n;
      return { batch, range: { topic: topicPrefix + topicOfLog(view, viewLog), partition, from, end: applied.offset } };
    });
    await this.#inTurn(handed);
    for (const batch of batches) this.#given.set(partitionKey(batch), batch.applied);
    metrics.batchEntries.observe(
      { sink: sink.name },
      batches.reduce((sum, { entries }) => sum + entries.length, 0),
    );
  }

  /** Entries of before: no mark moves. */
  async again(view: ViewName, range: LogRange, entries: readonly ViewEntry[]): Promise<void> {
    const applied = this.#given.get(partitionKey({ view, partition: range.partition }));
    if (applied === undefined) throw new TypeError('entries of a partition that is not read');
    await this.#inTurn([{ batch: { view, partition: range.partition, entries, applied }, range }]);
  }

  /** All that the store has been given of a view, as far as the log still holds it. */
  async given(view: ViewName): Promise<LogRange[]> {
    const { log, topicPrefix, viewLog } = this.#parts;
    const topic = topicPrefix + topicOfLog(view, viewLog);
    const offsets = await log.admin.offsets(topic);
    return offsets.map(({ partition, start }) => {
      const end = this.#given.get(partitionKey({ view, partition }))?.offset ?? start;
      return { topic, partition, from: start, end };
    });
  }

  /** Puts aside the records of what the sink refuses of the write at work. */
  async refused(refusals: readonly Refusal[]): Promise<void> {
    const { log, codec, putAside } = this.#parts;
    for (const { entry, error } of refusals) {
      const handed = this.#handed.find(({ batch }) => batch.entries.includes(entry));
      if (handed === undefined) throw new TypeError('a sink refuses what it was not given');
      const { batch, range } = handed;
      const record = await refusedRecord(log, range, await codec(batch.view), entry);
      if (record !== null) await putAside(range, { record, error });
    }
  }

  #inTurn(handed: readonly Handed[]): Promise<void> {
    this.#last = this.#last.then(() => this.#write(handed));
    return this.#last;
  }

  async #write(handed: readonly Handed[]): Promise<void> {
    const { sink, metrics, alive } = this.#parts;
    const stopTimer = metrics.writes.startTimer({ sink: sink.name });
    this.#handed = handed;
    await sink.write(handed.map(({ batch }) => batch));
    stopTimer();
    alive();
    for (const { batch } of handed) metrics.entries.inc({ sink: sink.name, view: batch.view }, batch.entries.length);
  }
}
