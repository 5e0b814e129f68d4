import { PlatformError } from '@millrace/kernel/errors';
import type { Context, KeyedStore, StoreSpecs } from '../runtime/processor.ts';

/** An operator that gathers what several others tell it before it goes on. */
export interface Waiting {
  /** Passes on what was gathered. Whatever it hears meanwhile comes from operators before it, which are done. */
  flush(): void;
  /** The call was undone: what was gathered never happened. */
  discard(): void;
}

type Handler = (rest: string) => void;

/**
 * Where a pipeline's operators work in one task. Each row (and each timer) is carried through all of them before the next: operators stand in
 * the order in which they were made, so one that gathers is flushed when everything before it has spoken, and sees each key once.
 */
export class Place {
  readonly ctx: Context<StoreSpecs>;
  /** The row at hand was read again: pass on what it says even where nothing changed. */
  repeats = false;
  readonly #waiting: Waiting[] = [];
  readonly #called: boolean[] = [];
  #calls = 0;
  readonly #timers = new Map<string, Handler>();

  constructor(ctx: Context<StoreSpecs>) {
    this.ctx = ctx;
  }

  store<T, I extends string = never>(name: string): KeyedStore<T, I> {
    const found = (this.ctx.stores as Readonly<Record<string, unknown>>)[name];
    if (found === undefined) throw new PlatformError('internal', `the pipeline has no store ${name}`);
    return found as KeyedStore<T, I>;
  }

  /** Answers the function that says: there is something to flush. */
  waits(waiting: Waiting): () => void {
    const at = this.#waiting.push(waiting) - 1;
    this.#called.push(false);
    return () => {
      if (this.#called[at] === true) return;
      this.#called[at] = true;
      this.#calls++;
    };
  }

  onTimer(node: number, handler: Handler): void {
    this.#timers.set(String(node), handler);
  }

  fire(key: string): void {
    const slash = key.indexOf('/');
    const handler = this.#timers.get(key.slice(0, slash));
    if (handler === undefined) throw new PlatformError('internal', `the pipeline has no timer ${key}`);
    this.#carried(() => handler(key.slice(slash + 1)), false);
  }

  /** Carries what `call` says through all operators. */
  carry(call: () => void, repeats: boolean): void {
    this.#carried(call, repeats);
  }

  #carried(call: () => void, repeats: boolean): void {
    this.repeats = repeats;
    try {
      call();
      for (let at = 0; this.#calls > 0; at++) {
        if (this.#called[at] !== true) continue;
        this.#called[at] = false;
        this.#calls--;
        this.#waiting[at]?.flush();
      }
    } catch (error) {
      this.#called.fill(false);
      this.#calls = 0;
      for (const waiting of this.#waiting) waiting.discard();
      throw error;
    } finally {
      this.repeats = false;
    }
  }
}
