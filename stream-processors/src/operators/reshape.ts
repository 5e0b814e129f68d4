import type { KeyedStore } from '../runtime/processor.ts';
import { Running } from './node.ts';
import type { Place } from './place.ts';

/** Values made of values, key by key; null: not there. Nothing is kept: what was there before is made again. */
export class Mapped<T, U> extends Running<U> {
  readonly #from: Running<T>;
  readonly #make: (value: T, key: string) => U | null;

  constructor(place: Place, from: Running<T>, make: (value: T, key: string) => U | null) {
    super(place);
    this.#from = from;
    this.#make = make;
    from.listen({
      take: (key, before, after) => this.pass(key, this.#made(before, key), this.#made(after, key)),
      forget: (key) => this.passForget(key),
    });
  }

  get(key: string): U | undefined {
    return this.#made(this.#from.get(key), key);
  }

  #made(value: T | undefined, key: string): U | undefined {
    return value === undefined ? undefined : (this.#make(value, key) ?? undefined);
  }
}

/** The first value of each key, once: what happens to it later is not told. */
export class Insertions<T> extends Running<T> {
  constructor(place: Place, from: Running<T>) {
    super(place);
    from.listen({
      take: (key, before, after) => {
        if (before === undefined) this.pass(key, undefined, after);
      },
      forget: (key) => this.passForget(key),
    });
  }

  get(): undefined {
    return undefined;
  }
}

/** From when to when a value is there, µs of stream time: the first moment and the first moment after it; null: without end. */
export interface Validity {
  readonly fromUs: number;
  readonly untilUs: number | null;
}

/** Values that are there while stream time is within what they say. They come and go at their moment, without any row changing. */
export class During<T> extends Running<T> {
  readonly #from: Running<T>;
  readonly #validity: (value: T) => Validity;
  readonly #present: KeyedStore<1>;
  readonly #node: number;

  constructor(place: Place, node: number, store: string, from: Running<T>, validity: (value: T) => Validity) {
    super(place);
    this.#from = from;
    this.#validity = validity;
    this.#present = place.store<1>(store);
    this.#node = node;
    from.listen({
      take: (key, before, after) => this.#turn(key, before, after),
      forget: (key) => {
        this.#present.delete(key);
        this.passForget(key);
      },
    });
    place.onTimer(node, (key) => {
      const value = from.get(key);
      this.#turn(key, value, value);
    });
  }

  get(key: string): T | undefined {
    return this.#present.get(key) === undefined ? undefined : this.#from.get(key);
  }

  #turn(key: string, before: T | undefined, after: T | undefined): void {
    const was = this.#present.get(key) !== undefined;
    const is = after !== undefined && this.#schedule(key, after);
    if (is && !was) this.#present.set(key, 1);
    if (!is && was) this.#present.delete(key);
    if (after === undefined) this.place.ctx.clearTimer(`${this.#node}/${key}`);
    this.pass(key, was ? before : undefined, is ? after : undefined);
  }

  /** Sets the time of the next change; answers whether the value is there now. */
  #schedule(key: string, value: T): boolean {
    const { ctx } = this.place;
    const { fromUs, untilUs } = this.#validity(value);
    const nowUs = ctx.streamTimeUs;
    const timer = `${this.#node}/${key}`;
    if (nowUs < fromUs) ctx.setTimer(timer, fromUs);
    else if (untilUs !== null && nowUs < untilUs) ctx.setTimer(timer, untilUs);
    else ctx.clearTimer(timer);
    return nowUs >= fromUs && (untilUs === null || nowUs < untilUs);
  }
}
