import type { StoreSpecs } from '../runtime/processor.ts';
import type { Place } from './place.ts';
import { same } from './same.ts';

/** What operators tell each other: a key's value before and after; undefined: not there. */
export interface Receiver<T> {
  take(key: string, before: T | undefined, after: T | undefined): void;
  /** The value will not change any more and is held no longer: whatever is kept for its key alone may go. What it added elsewhere stays. */
  forget(key: string): void;
}

/** An operator at work in one task. */
export abstract class Running<T> {
  protected readonly place: Place;
  readonly #receivers: Receiver<T>[] = [];

  constructor(place: Place) {
    this.place = place;
  }

  listen(receiver: Receiver<T>): void {
    this.#receivers.push(receiver);
  }

  /** The present value; once everything that waits is settled, the one that was last passed on. */
  abstract get(key: string): T | undefined;

  /** Tells the receivers, unless nothing changed. A row that is read again is passed on all the same: it mends what follows. */
  protected pass(key: string, before: T | undefined, after: T | undefined): void {
    if (before === undefined && after === undefined) return;
    if (!this.place.repeats && same(before, after)) return;
    for (const receiver of this.#receivers) receiver.take(key, before, after);
  }

  protected passForget(key: string): void {
    for (const receiver of this.#receivers) receiver.forget(key);
  }
}

/** An operator as the author placed it: what it is made of, and how it is started in a task. */
export interface Node<T> {
  /** Place in the pipeline: part of its stores' names. */
  readonly id: number;
  /** What the drawing shows. */
  readonly label: string;
  readonly from: readonly Node<never>[];
  /** Values are only ever added: nothing is changed or taken back. */
  readonly insertOnly: boolean;
  /** `get` answers as long as the value stands. Else values are gone when they are final. */
  readonly lasting: boolean;
  readonly stores: StoreSpecs;
  start(place: Place, from: readonly Running<never>[]): Running<T>;
}
