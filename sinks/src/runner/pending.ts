import type { AppliedMark, ViewName } from '@millrace/schemas/stores';
import type { ViewEntry } from '@millrace/schemas/views';
import { partitionKey } from '../port/index.ts';
import type { SinkBatch } from '../port/index.ts';

/** When a sink is handed what has been read. */
export interface BatchLimits {
  /** Most ms that the first entry waits for others. 0 hands it over as soon as the sink is idle. */
  readonly lingerMs: number;
  /** The same where only marks have moved. */
  readonly markLingerMs: number;
  /** Least ms between two reads of the log: fewer, larger fetches where freshness allows. 0 reads as soon as something is there. */
  readonly readEveryMs: number;
  /** As many entries are handed over without waiting. */
  readonly entries: number;
  /** Above this many bytes (as in the log) reading pauses until the sink has taken what waits. */
  readonly pendingBytes: number;
}

interface Growing {
  readonly view: ViewName;
  readonly partition: number;
  readonly entries: ViewEntry[];
  applied: AppliedMark;
}

/** What has been read and not yet handed to the sink, by partition, in order. */
export class Pending {
  readonly #limits: BatchLimits;
  #partitions = new Map<string, Growing>();
  #bytes = 0;
  #entries = 0;
  #firstEntryAt = Infinity;
  #firstMarkAt = Infinity;

  constructor(limits: BatchLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#partitions.size === 0;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#limits.pendingBytes;
  }

  add(batch: SinkBatch, byteLength: number, now: number): void {
    const { view, partition, entries, applied } = batch;
    const known = this.#partitions.get(partitionKey(batch));
    if (known === undefined) {
      this.#partitions.set(partitionKey(batch), { view, partition, entries: [...entries], applied });
    } else {
      for (const entry of entries) known.entries.push(entry);
      known.applied = applied;
    }
    this.#bytes += byteLength;
    this.#entries += entries.length;
    this.#firstMarkAt = Math.min(this.#firstMarkAt, now);
    if (entries.length > 0) this.#firstEntryAt = Math.min(this.#firstEntryAt, now);
  }

  /** When what waits is to be handed over, by the clock given to `add`; Infinity for nothing. */
  dueAt(): number {
    if (this.isFull || this.#entries >= this.#limits.entries) return -Infinity;
    return Math.min(this.#firstEntryAt + this.#limits.lingerMs, this.#firstMarkAt + this.#limits.markLingerMs);
  }

  /** All of it; empty afterwards. */
  take(): SinkBatch[] {
    const batches = [...this.#partitions.values()];
    this.#partitions = new Map();
    this.#bytes = 0;
    this.#entries = 0;
    this.#firstEntryAt = Infinity;
    this.#firstMarkAt = Infinity;
    return batches;
  }
}
