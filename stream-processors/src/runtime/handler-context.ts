import type { Lsn } from '@millrace/kernel/position';
import type { Origin } from './element.ts';
import { aggregateOf } from './element.ts';
import type { Context, KeyedStore } from './processor.ts';
import type { Journal } from './journal.ts';
import type { Step } from './step.ts';
import type { Timers } from './timers.ts';

/** What handlers see, kept up to date by the task. Whatever they say through it is journaled, so that a handler that throws is undone. */
export class HandlerContext implements Context<Record<string, never>> {
  readonly stores: Record<string, never>;
  lsn: Lsn;
  tsUs = 0;
  streamTimeUs: number;
  /** The commit being applied; what is said outside one counts for nothing. */
  step: Step | null = null;
  readonly #journal: Journal;
  readonly #timers: Timers;
  readonly owns: (id: string) => boolean;
  #owner: string | null = null;
  #origin: Origin | null = null;

  constructor(
    stores: Readonly<Record<string, KeyedStore<unknown, string>>>,
    journal: Journal,
    timers: Timers,
    at: { readonly lsn: Lsn; readonly streamTimeUs: number },
    owns: (id: string) => boolean,
  ) {
    this.owns = owns;
    this.stores = stores as Record<string, never>;
    this.#journal = journal;
    this.#timers = timers;
    this.lsn = at.lsn;
    this.streamTimeUs = at.streamTimeUs;
  }

  /** The aggregate on whose behalf the next handler runs; null for none. */
  onBehalfOf(aggregate: string | null): void {
    this.#owner = aggregate;
    this.#origin = null;
  }

  /** The same, for a row: its aggregate is looked up only where a handler makes something that has an owner. */
  onBehalfOfRow(origin: Origin): void {
    this.#origin = origin;
  }

  touch(id: string): void {
    const touched = this.step?.touched;
    if (touched?.add(id) === true) this.#journal.record(touched, id, null, false);
  }

  put(kind: Parameters<Step['entry']>[0], id: string, data: Parameters<Step['entry']>[2]): void {
    const { step } = this;
    if (step === null) return;
    const entry = step.entry(kind, id, data, this.#aggregate());
    this.#journal.record(step.puts, entry, step.puts.add(entry), false);
  }

  setTimer(key: string, dueUs: number): void {
    this.#timers.set(key, dueUs, this.#aggregate());
  }

  clearTimer(key: string): void {
    this.#timers.clear(key);
  }

  #aggregate(): string | null {
    if (this.#origin !== null) this.onBehalfOf(aggregateOf(this.#origin.key));
    return this.#owner;
  }
}
