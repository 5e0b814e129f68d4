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
  /** Which life of the task put them aside, from which number on; those before the first are of a release that did not say. */
  readonly lives?: readonly { readonly life: string; readonly from: number }[];
}

/**
 * Which of those that wait a letter is. Lives whose results never came leave letters too, of rows that others did not put aside: a letter counts where the
 * state says that this life wrote the one of this number.
 */
export interface LetterId {
  readonly sinceLsn: string;
  /** From one. */
  readonly number: number;
  readonly life: string;
}

export const letterIdText = ({ sinceLsn, number, life }: LetterId): string => `${sinceLsn}/${number}/${life}`;

export function letterIdOf(text: string): LetterId {
  const [sinceLsn = '', number = '', life = ''] = text.split('/');
  return { sinceLsn, number: Number(number), life };
}

/** Whether it is one of those that were counted. */
export function counts({ sinceLsn, lives = [] }: ParkedState, letter: LetterId): boolean {
  if (letter.sinceLsn !== sinceLsn) return false;
  return lives.findLast(({ from }) => from <= letter.number)?.life === letter.life;
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

  /** Counts one more record aside, and says which it is. */
  add(topic: string, aggregate: string, sinceLsn: string, error: string, life: string): LetterId {
    const key = `${topic}/${aggregate}`;
    const known = this.store.get(key);
    if (known !== undefined) {
      const number = (known.done ?? 0) + known.records + 1;
      const { lives = [] } = known;
      const isGoingOn = lives.at(-1)?.life === life;
      const all = isGoingOn ? lives : [...lives, { life, from: number }];
      this.store.set(key, { ...known, records: known.records + 1, lives: all });
      return { sinceLsn: known.sinceLsn, number, life };
    }
    this.store.set(key, { topic, aggregate, sinceLsn, error, records: 1, lives: [{ life, from: 1 }] });
    this.#aggregates.set(aggregate, (this.#aggregates.get(aggregate) ?? 0) + 1);
    return { sinceLsn, number: 1, life };
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
