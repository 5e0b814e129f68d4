import type { Journal } from './journal.ts';
import { StateStore } from './state-store.ts';

/** Why an aggregate of one input is parked. */
export interface ParkedState {
  /** Topic of the input, as the log names it. */
  readonly topic: string;
  readonly aggregate: string;
  /** Position of the step that parked it, as decimal text. */
  readonly sinceLsn: string;
  readonly error: string;
  /** Records in the dead-letter topic that wait, the first one included. */
  readonly records: number;
  /** After a redrive that got only so far: records before them, from the same parking, that are done. */
  readonly done?: number;
}

/** The parked aggregates of a task: part of its state. Rows of a parked aggregate go aside in order; its entries stay as they were. */
export class Parked {
  readonly store: StateStore<ParkedState>;
  readonly #aggregates = new Map<string, number>();

  constructor(journal: Journal) {
    this.store = new StateStore<ParkedState>('_parked/', journal);
  }

  get size(): number {
    return this.store.size;
  }

  list(): ParkedState[] {
    return [...this.store.keys()].flatMap((key) => this.store.get(key) ?? []);
  }

  has(topic: string, aggregate: string): boolean {
    return this.store.get(`${topic}/${aggregate}`) !== undefined;
  }

  /** Parked by any of the inputs: not emitted. */
  silences(aggregate: string): boolean {
    return this.#aggregates.has(aggregate);
  }

  /** Counts one more record aside; true where this is the first. */
  add(topic: string, aggregate: string, sinceLsn: string, error: string): boolean {
    const key = `${topic}/${aggregate}`;
    const known = this.store.get(key);
    if (known !== undefined) {
      this.store.set(key, { ...known, records: known.records + 1 });
      return false;
    }
    this.store.set(key, { topic, aggregate, sinceLsn, error, records: 1 });
    this.#aggregates.set(aggregate, (this.#aggregates.get(aggregate) ?? 0) + 1);
    return true;
  }

  /** What waits for an aggregate, whichever input it is from. */
  of(aggregate: string): ParkedState[] {
    return this.#aggregates.has(aggregate) ? this.list().filter((state) => state.aggregate === aggregate) : [];
  }

  /** The aggregate goes on. */
  release({ topic, aggregate }: ParkedState): void {
    if (!this.has(topic, aggregate)) return;
    this.store.delete(`${topic}/${aggregate}`);
    const others = (this.#aggregates.get(aggregate) ?? 1) - 1;
    if (others === 0) this.#aggregates.delete(aggregate);
    else this.#aggregates.set(aggregate, others);
  }

  /** It still waits, with less: `records` of its newest. */
  shorten(state: ParkedState, records: number, error: string): void {
    const done = (state.done ?? 0) + state.records - records;
    this.store.set(`${state.topic}/${state.aggregate}`, { ...state, records, error, ...(done === 0 ? {} : { done }) });
  }

  rebuild(): void {
    this.#aggregates.clear();
    for (const { aggregate } of this.list()) {
      this.#aggregates.set(aggregate, (this.#aggregates.get(aggregate) ?? 0) + 1);
    }
  }
}
