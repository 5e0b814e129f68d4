import type { RecordView } from '@millrace/kernel/log';
import { isOwnKey } from '@millrace/schemas/markers';
import { startsWithOneOf } from './key-prefix.ts';
import { POSITION_KEY } from './state-records.ts';
import type { StateRecords, StateValue, TaskPosition } from './state-records.ts';

/** Where restored values go: JSON by record key. */
export interface RestoredValues {
  set(recordKey: string, json: string): unknown;
  delete(recordKey: string): unknown;
}

/** What is known of the log's beginning without reading it. */
export interface RestoreFrom {
  /** Everything below is in the values already. */
  readonly offset: bigint;
  readonly position: TaskPosition;
  readonly gone: readonly string[];
}

export interface Settled {
  readonly position: TaskPosition | null;
  /** Offset after that position's record; null where it was not among what was read. */
  readonly positionEnd: bigint | null;
  /** Keys whose newest record is of a result that never ended: their value is the one before it, to be written again. */
  readonly rewrite: readonly string[];
  /** Keys that are gone without a tombstone. */
  readonly gone: readonly string[];
}

const STATE_KEYS = ['_state/', '_timer/', '_parked/'].map((prefix) => Buffer.from(prefix));
const POSITION_KEYS = [Buffer.from(POSITION_KEY)];

/**
 * A task's log as far as it has been read, in order and from its beginning or a known offset. The newest record of each key decides. Reading may go on as long
 * as the log does; what a result that never ended has left is only known at the log's end, and taken back then, once (`settle`).
 */
export class ChangelogReading {
  readonly values: RestoredValues;
  readonly #records: StateRecords;
  /** The newest record of each key that carries what it replaces. */
  readonly #halves = new Map<string, StateValue>();
  readonly #goneBefore: readonly string[];
  #nextOffset: bigint;
  #position: TaskPosition | null;
  #positionEnd: bigint | null = null;
  #tailOffset: bigint;
  #tailHasEntries = false;
  #count = 0;

  constructor(values: RestoredValues, records: StateRecords, from: RestoreFrom | { readonly offset: bigint }) {
    this.values = values;
    this.#records = records;
    this.#nextOffset = this.#tailOffset = from.offset;
    this.#position = 'position' in from ? from.position : null;
    this.#goneBefore = 'gone' in from ? from.gone : [];
  }

  /** Everything below is read. */
  get nextOffset(): bigint {
    return this.#nextOffset;
  }

  /** Records read. */
  get count(): number {
    return this.#count;
  }

  /** The last position read so far. */
  get position(): TaskPosition | null {
    return this.#position;
  }

  /** Where the entries after the last position begin; null where there is none. */
  get tailOffset(): bigint | null {
    return this.#tailHasEntries ? this.#tailOffset : null;
  }

  take({ key, value, offset }: RecordView): void {
    this.#count++;
    if (key === null) return;
    if (!isOwnKey(key)) {
      this.#tailHasEntries = true;
    } else if (startsWithOneOf(key, STATE_KEYS)) {
      this.#takeState(key.toString('utf8'), value);
    } else if (startsWithOneOf(key, POSITION_KEYS)) {
      if (value === null) return;
      this.#position = this.#records.readPosition(value);
      this.#positionEnd = this.#tailOffset = offset + 1n;
      this.#tailHasEntries = false;
    }
  }

  /** All records below have been taken. */
  readTo(offset: bigint): void {
    this.#nextOffset = offset;
  }

  /** At the log's end: which of the undoable records count, those of a result whose end is in the log. Nothing may be taken after it. */
  settle(): Settled {
    const rewrite: string[] = [];
    const gone: string[] = [];
    const position = this.#position;
    for (const [key, { lsn, value, undo }] of this.#halves) {
      const whole = position !== null && lsn <= position.lsn;
      const stands = whole ? value : (undo?.value ?? null);
      if (!whole) rewrite.push(key);
      else if (stands === null) gone.push(key);
      if (stands === null) this.values.delete(key);
      else this.values.set(key, stands);
    }
    return { position, positionEnd: this.#positionEnd, rewrite, gone: [...this.#goneBefore, ...gone] };
  }

  #takeState(key: string, value: Buffer | null): void {
    const state = value === null ? null : this.#records.readState(value);
    if (state?.undo) {
      this.#halves.set(key, state);
      return;
    }
    if (this.#halves.size > 0) this.#halves.delete(key);
    if (state === null || state.value === null) this.values.delete(key);
    else this.values.set(key, state.value);
  }
}
