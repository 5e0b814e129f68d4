import { PlatformError } from '../errors/index.ts';
import type { LogRecord, TopicPartition, TopicSpec } from '../log/index.ts';

export interface StoredRecord {
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [string, Buffer])[];
}

/** Kafka's default of `max.message.bytes`: the limit of one batch, not of one record. */
const defaultMaxBatchBytes = 1_048_588;

/** What a batch weighs on the wire, near enough: enough to refuse what a broker would refuse. */
function batchBytes(records: readonly LogRecord[]): number {
  let bytes = 61;
  for (const record of records) {
    bytes += 10 + (record.key?.byteLength ?? 0) + (record.value?.byteLength ?? 0);
    for (const [name, value] of record.headers ?? []) bytes += 4 + name.length + value.byteLength;
  }
  return bytes;
}

/** One partition: records by offset, holes where compaction dropped some, and the newest epoch seen of each writer name. */
export class MemoryPartition {
  records: StoredRecord[] = [];
  start = 0n;
  end = 0n;
  readonly #epochs = new Map<string, number>();
  readonly #maxBatchBytes: number;

  constructor(maxBatchBytes: number) {
    this.#maxBatchBytes = maxBatchBytes;
  }

  /** Throws `log-fenced` for an epoch older than one already seen here, as a broker does. */
  check(name: string, epoch: number, records: readonly LogRecord[]): void {
    if (epoch < (this.#epochs.get(name) ?? 0)) {
      throw new PlatformError('log-fenced', `Writer ${name} of epoch ${epoch} was replaced by a newer one.`);
    }
    const bytes = batchBytes(records);
    if (bytes > this.#maxBatchBytes) {
      throw new PlatformError(
        'log-record-too-large',
        `A batch of ${bytes} bytes is over max.message.bytes (${this.#maxBatchBytes}).`,
      );
    }
  }

  append(name: string, epoch: number, records: readonly LogRecord[], timestampMs: number): bigint {
    this.#epochs.set(name, epoch);
    const baseOffset = this.end;
    for (const record of records) {
      this.records.push({
        offset: this.end++,
        timestampMs,
        key: record.key === null ? null : Buffer.from(record.key),
        value: record.value === null ? null : Buffer.from(record.value),
        headers: (record.headers ?? []).map(([header, value]) => [header, Buffer.from(value)] as const),
      });
    }
    return baseOffset;
  }

  /** Index of the first record at or after `offset`. */
  indexOf(offset: bigint): number {
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.records[middle]?.offset ?? 0n) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Keeps the last record of each key (and records without one), at their offsets. */
  compact(dropsTombstone: (key: Buffer) => boolean): void {
    const last = new Map<string, bigint>();
    for (const { key, offset } of this.records) if (key !== null) last.set(key.toString('latin1'), offset);
    this.records = this.records.filter(({ key, value, offset }) => {
      if (key === null) return true;
      return last.get(key.toString('latin1')) === offset && !(value === null && dropsTombstone(key));
    });
  }

  trim(start: bigint): void {
    this.start = start > this.end ? this.end : start;
    this.records = this.records.filter(({ offset }) => offset >= this.start);
  }
}

/** The "broker": what clients, writers and readers of one `MemoryLog` share. */
export class MemoryStore {
  readonly topics = new Map<string, MemoryPartition[]>();
  readonly epochs = new Map<string, number>();
  /** Of each topic: how many there were before it. */
  readonly numbers = new Map<string, number>();
  #created = 0;
  /** Waiting polls: called, and forgotten, at each change. */
  readonly #waiting = new Set<() => void>();

  create(spec: TopicSpec): boolean {
    const existing = this.topics.get(spec.topic);
    if (existing !== undefined) {
      if (existing.length === spec.partitions) return false;
      throw new PlatformError(
        'conflict',
        `Topic ${spec.topic} has ${existing.length} partitions, not ${spec.partitions}.`,
      );
    }
    this.numbers.set(spec.topic, this.#created++);
    const maxBatchBytes = Number(spec.config?.['max.message.bytes'] ?? defaultMaxBatchBytes);
    this.topics.set(
      spec.topic,
      Array.from({ length: spec.partitions }, () => new MemoryPartition(maxBatchBytes)),
    );
    return true;
  }

  partition({ topic, partition }: TopicPartition): MemoryPartition {
    const found = this.topics.get(topic)?.[partition];
    if (found === undefined)
      throw new PlatformError('topic-missing', `There is no partition ${partition} of topic ${topic}.`);
    return found;
  }

  partitionsOf(topic: string): readonly MemoryPartition[] {
    const found = this.topics.get(topic);
    if (found === undefined) throw new PlatformError('topic-missing', `There is no topic ${topic}.`);
    return found;
  }

  onChange(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
