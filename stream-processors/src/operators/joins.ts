import type { KeyedStore } from '../runtime/processor.ts';
import { Running } from './node.ts';
import type { Place, Waiting } from './place.ts';
import { inOrder } from './same.ts';

/** What a join makes of both sides; undefined: nothing, because a side that must be there is missing. */
export type Combine<L, R, O> = (left: L | undefined, right: R | undefined, key: string) => O | undefined;

/** What one side said since the last flush: the value each key had before. */
type Told<T> = Map<string, T | undefined>;

const beforeOf = <T>(told: Told<T>, key: string, now: () => T | undefined): T | undefined =>
  told.has(key) ? told.get(key) : now();

/** Values of two sides under the same key. */
export class KeyJoin<L, R, O> extends Running<O> implements Waiting {
  readonly #left: Running<L>;
  readonly #right: Running<R>;
  readonly #combine: Combine<L, R, O>;
  readonly #leftTold: Told<L> = new Map();
  readonly #rightTold: Told<R> = new Map();

  constructor(place: Place, left: Running<L>, right: Running<R>, combine: Combine<L, R, O>) {
    super(place);
    this.#left = left;
    this.#right = right;
    this.#combine = combine;
    const call = place.waits(this);
    left.listen(gather(this.#leftTold, call, (key) => this.passForget(key)));
    right.listen(gather(this.#rightTold, call));
  }

  get(key: string): O | undefined {
    return this.#combine(this.#left.get(key), this.#right.get(key), key);
  }

  flush(): void {
    const keys = new Set([...this.#leftTold.keys(), ...this.#rightTold.keys()]);
    for (const key of keys) {
      const left = beforeOf(this.#leftTold, key, () => this.#left.get(key));
      const right = beforeOf(this.#rightTold, key, () => this.#right.get(key));
      this.pass(key, this.#combine(left, right, key), this.get(key));
    }
    this.discard();
  }

  discard(): void {
    this.#leftTold.clear();
    this.#rightTold.clear();
  }
}

/** The key that a value refers to, as it stood when it was last seen. */
export type Reference = { readonly to: string };
export const referenceIndex = { to: ({ to }: Reference): string => to };

/** Values of the left side, each with the one it refers to. When that one changes, all that refer to it are told again. */
export class ReferenceJoin<L, R, O> extends Running<O> implements Waiting {
  readonly #left: Running<L>;
  readonly #right: Running<R>;
  readonly #reference: (value: L, key: string) => string | null;
  readonly #combine: Combine<L, R, O>;
  readonly #references: KeyedStore<Reference, 'to'>;
  readonly #leftTold: Told<L> = new Map();
  readonly #rightTold: Told<R> = new Map();

  constructor(
    place: Place,
    store: string,
    sides: { readonly left: Running<L>; readonly right: Running<R> },
    reference: (value: L, key: string) => string | null,
    combine: Combine<L, R, O>,
  ) {
    super(place);
    this.#left = sides.left;
    this.#right = sides.right;
    this.#reference = reference;
    this.#combine = combine;
    this.#references = place.store<Reference, 'to'>(store);
    const call = place.waits(this);
    this.#left.listen(
      gather(this.#leftTold, call, (key) => {
        this.#references.delete(key);
        this.passForget(key);
      }),
    );
    this.#right.listen(gather(this.#rightTold, call));
  }

  get(key: string): O | undefined {
    return this.#made(key, this.#left.get(key), (to) => this.#right.get(to));
  }

  flush(): void {
    for (const key of this.#leftTold.keys()) this.#refer(key, this.#left.get(key));
    for (const key of this.#affected()) {
      const left = beforeOf(this.#leftTold, key, () => this.#left.get(key));
      const before = this.#made(key, left, (to) => beforeOf(this.#rightTold, to, () => this.#right.get(to)));
      this.pass(key, before, this.get(key));
    }
    this.discard();
  }

  discard(): void {
    this.#leftTold.clear();
    this.#rightTold.clear();
  }

  #affected(): Iterable<string> {
    if (this.#rightTold.size === 0) return this.#leftTold.keys();
    const keys = new Set(this.#leftTold.keys());
    for (const to of this.#rightTold.keys()) for (const key of this.#references.keysBy('to', to)) keys.add(key);
    // The index knows no order that a restart would keep.
    return [...keys].sort(inOrder);
  }

  #refer(key: string, value: L | undefined): void {
    const to = value === undefined ? null : this.#reference(value, key);
    if (to === null) this.#references.delete(key);
    else if (this.#references.get(key)?.to !== to) this.#references.set(key, { to });
  }

  #made(key: string, left: L | undefined, right: (to: string) => R | undefined): O | undefined {
    if (left === undefined) return undefined;
    const to = this.#reference(left, key);
    return this.#combine(left, to === null ? undefined : right(to), key);
  }
}

function gather<T>(told: Told<T>, call: () => void, forget: (key: string) => void = () => undefined) {
  return {
    take: (key: string, before: T | undefined) => {
      if (!told.has(key)) told.set(key, before);
      call();
    },
    forget,
  };
}
