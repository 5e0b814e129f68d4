import type { Context, StoreSpecs } from '../runtime/processor.ts';
import type { Running } from './node.ts';

interface Outlet {
  readonly from: Running<unknown>;
  readonly kind: string;
  readonly make: (value: unknown, key: string) => unknown;
  readonly lasting: boolean;
}

/**
 * What leaves a pipeline. A value that lasts is only noted while the commit is applied, and made into an entry when it is whole; one that may be
 * forgotten by then is put at once, and the last one of the commit counts.
 */
export class Outlets {
  readonly #ctx: Context<StoreSpecs>;
  readonly #noted: { readonly outlet: Outlet; readonly keys: Set<string> }[] = [];
  #lsn = -1n;

  constructor(ctx: Context<StoreSpecs>, outlets: readonly Outlet[]) {
    this.#ctx = ctx;
    for (const outlet of outlets) {
      if (outlet.lasting) this.#note(outlet);
      else this.#putAtOnce(outlet);
    }
  }

  /** The entries of a key that was noted. */
  emit(key: string): void {
    for (const { outlet, keys } of this.#noted) {
      if (!keys.has(key)) continue;
      const value = outlet.from.get(key);
      this.#put(outlet, key, value);
    }
  }

  #note(outlet: Outlet): void {
    const keys = new Set<string>();
    this.#noted.push({ outlet, keys });
    outlet.from.listen({
      take: (key) => {
        if (this.#lsn !== this.#ctx.lsn) this.#begin();
        keys.add(key);
        this.#ctx.touch(key);
      },
      forget: () => undefined,
    });
  }

  #begin(): void {
    this.#lsn = this.#ctx.lsn;
    for (const { keys } of this.#noted) keys.clear();
  }

  #putAtOnce(outlet: Outlet): void {
    outlet.from.listen({
      take: (key, _, after) => this.#put(outlet, key, after),
      forget: () => undefined,
    });
  }

  #put({ kind, make }: Outlet, key: string, value: unknown): void {
    this.#ctx.put(kind as never, key, (value === undefined ? null : make(value, key)) as never);
  }
}
