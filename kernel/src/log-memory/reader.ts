import { PlatformError } from '../errors/index.ts';
import type { FetchedBatch, LogReader, ReadRequest, RecordView, TopicPartition } from '../log/index.ts';
import type { MemoryStore, StoredRecord } from './store.ts';

interface Assignment extends TopicPartition {
  offset: bigint;
  paused: boolean;
}

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/**
 * Hands out copies and overwrites them at the next poll, so that a test of a consumer that keeps views fails here as it would in production.
 */
export class MemoryReader implements LogReader {
  readonly #store: MemoryStore;
  readonly #maxBytes: number;
  readonly #assignments = new Map<string, Assignment>();
  #handedOut: Buffer[] = [];
  #closed = false;

  constructor(store: MemoryStore, maxBytes: number) {
    this.#store = store;
    this.#maxBytes = maxBytes;
  }

  assign(requests: readonly ReadRequest[]): void {
    for (const request of requests) {
      const { topic, partition, offset } = request;
      const paused = this.#assignments.get(keyOf(request))?.paused ?? false;
      this.#assignments.set(keyOf(request), { topic, partition, offset, paused });
    }
    this.#store.changed();
  }

  unassign(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#assignments.delete(keyOf(partition));
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, true);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, false);
    this.#store.changed();
  }

  #setPaused(partitions: readonly TopicPartition[], paused: boolean): void {
    for (const partition of partitions) {
      const assignment = this.#assignments.get(keyOf(partition));
      if (assignment !== undefined) assignment.paused = paused;
    }
  }

  /** `maxWaitMs` 0 answers at once; any other waits, without a clock, for data, the signal, `close` or `MemoryLog.wake`. */
  async poll(maxWaitMs: number, signal?: AbortSignal): Promise<readonly FetchedBatch[]> {
    for (const buffer of this.#handedOut) buffer.fill(0xdb);
    this.#handedOut = [];
    for (let woken = false; ;) {
      if (this.#closed) throw new PlatformError('internal', 'The reader is closed.');
      const batches = this.#collect();
      if (batches.length > 0 || maxWaitMs <= 0 || woken || signal?.aborted === true) return batches;
      woken = (await this.#change(signal)) === 'end';
    }
  }

  /** Ends a waiting poll with nothing. */
  wake(): void {
    this.#end?.();
  }

  #end: (() => void) | null = null;

  #change(signal: AbortSignal | undefined): Promise<'again' | 'end'> {
    return new Promise((resolve) => {
      const settle = (how: 'again' | 'end') => (): void => {
        this.#end = null;
        forget();
        signal?.removeEventListener('abort', end);
        resolve(how);
      };
      const end = settle('end');
      const forget = this.#store.onChange(settle('again'));
      signal?.addEventListener('abort', end, { once: true });
      this.#end = end;
    });
  }

  #collect(): FetchedBatch[] {
    const batches: FetchedBatch[] = [];
    for (const assignment of this.#assignments.values()) {
      if (assignment.paused) continue;
      const batch = this.#fetch(assignment);
      if (batch !== null) batches.push(batch);
    }
    return batches;
  }

  #fetch(assignment: Assignment): FetchedBatch | null {
    const { topic, partition, offset } = assignment;
    const log = this.#store.partition(assignment);
    if (offset < log.start || offset > log.end) {
      throw new PlatformError(
        'log-offset-out-of-range',
        `Offset ${offset.toString()} of ${topic}/${partition} is outside [${log.start.toString()}, ${log.end.toString()}].`,
      );
    }
    if (offset === log.end) return null;
    const from = log.indexOf(offset);
    let to = from;
    let byteLength = 0;
    for (; to < log.records.length && byteLength < this.#maxBytes; to++) {
      const record = log.records[to];
      byteLength += (record?.key?.length ?? 0) + (record?.value?.length ?? 0) + 10;
    }
    const nextOffset = log.records[to]?.offset ?? log.end;
    assignment.offset = nextOffset;
    const records = log.records.slice(from, to).map((record) => this.#view(record));
    return { topic, partition, records, nextOffset, highWatermark: log.end, byteLength };
  }

  #view({ offset, timestampMs, key, value, headers }: StoredRecord): RecordView {
    return {
      offset,
      timestampMs,
      key: this.#copy(key),
      value: this.#copy(value),
      headers: headers.map(([name, bytes]) => [name, this.#copy(bytes) ?? Buffer.alloc(0)] as const),
    };
  }

  #copy(bytes: Buffer | null): Buffer | null {
    if (bytes === null) return null;
    const copy = Buffer.from(bytes);
    this.#handedOut.push(copy);
    return copy;
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#end?.();
    return Promise.resolve();
  }
}
