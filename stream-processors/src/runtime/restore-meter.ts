import type { RestoreProgress } from './restore.ts';

/** How far a restore is, for whoever looks. */
export interface RestoreReport {
  /** Values that came from a snapshot; null: the changelog is read from its beginning. */
  readonly fromSnapshot: number | null;
  /** Values that a standby of this process had; null: there was none. */
  readonly fromStandby: number | null;
  /** Of the changelog, so far. */
  readonly records: number;
  readonly recordsPerSecond: number;
  /** Share of the changelog's offsets that is read, 0 to 1. */
  readonly done: number;
  /** Ms until all of it is, at the rate so far; null while that is not known. */
  readonly leftMs: number | null;
}

export class RestoreMeter implements RestoreProgress {
  readonly #now: () => number;
  #fromSnapshot: number | null = null;
  #fromStandby: number | null = null;
  #beganMs = 0;
  #from = 0n;
  #at = 0n;
  #end = 0n;
  #records = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#beganMs = now();
  }

  /** A snapshot is read. */
  loaded(values: number): void {
    this.#fromSnapshot = values;
  }

  /** What a standby had is taken over. */
  wasWarm(values: number): void {
    this.#fromStandby = values;
  }

  /** What it began with cannot be trusted. */
  leftAside(): void {
    this.#fromSnapshot = this.#fromStandby = null;
  }

  began(fromOffset: bigint, endOffset: bigint): void {
    this.#beganMs = this.#now();
    this.#from = this.#at = fromOffset;
    this.#end = endOffset;
    this.#records = 0;
  }

  read(offset: bigint, records: number): void {
    this.#at = offset > this.#end ? this.#end : offset;
    this.#records = records;
  }

  report(): RestoreReport {
    const tookMs = Math.max(1, this.#now() - this.#beganMs);
    const all = Number(this.#end - this.#from);
    const read = Number(this.#at - this.#from);
    return {
      fromSnapshot: this.#fromSnapshot,
      fromStandby: this.#fromStandby,
      records: this.#records,
      recordsPerSecond: Math.round((this.#records * 1000) / tookMs),
      done: all === 0 ? 0 : read / all,
      leftMs: read === 0 ? null : Math.round((tookMs * (all - read)) / read),
    };
  }
}
