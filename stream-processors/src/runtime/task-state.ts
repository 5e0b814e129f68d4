import { Journal } from './journal.ts';
import { Parked } from './parked.ts';
import type { AnyProcessor } from './processor.ts';
import { STATE_PREFIX } from './state-records.ts';
import type { Spill } from './spill/index.ts';
import { StateStore } from './state-store.ts';
import { Timers } from './timers.ts';

/** Values put aside at once, at most: a few ms. */
const PUT_ASIDE_AT_ONCE = 1_000;

/** Handler calls after which memory is looked at again, within a commit of any size. */
const CALLS_BETWEEN = 500;

/** All that a task remembers: the processor's stores, its timers, its parked aggregates, and the journal that undoes a handler's changes of them. */
export class TaskState {
  readonly journal = new Journal();
  readonly timers = new Timers(this.journal);
  readonly parked = new Parked(this.journal);
  /** Those of the processor, by name: what its handlers see. */
  readonly named: Readonly<Record<string, StateStore>>;
  /** All of them, in the order in which a result holds their changes. */
  readonly stores: readonly StateStore[];

  readonly #spill: Spill | null;
  /** Restored values, or handler calls, since memory was looked at. */
  #unweighed = 0;

  /** `spill`: where values of the processor's stores go that memory has no room for; null: all of them stay. Timers and what is parked stay always. */
  constructor({ stores }: Pick<AnyProcessor, 'stores'>, spill: Spill | null = null) {
    this.#spill = spill;
    this.named = Object.fromEntries(
      Object.entries(stores).map(([name, spec]) => [
        name,
        new StateStore(`${STATE_PREFIX}${name}/`, this.journal, spec, spill),
      ]),
    );
    this.stores = [...Object.values(this.named), this.timers.store, this.parked.store] as StateStore[];
  }

  /** Everything it holds as of the last result, as JSON by record key. */
  *values(): Generator<[string, string]> {
    for (const store of this.stores) {
      for (const slot of store.slots()) {
        const json = store.asOfResult(slot);
        if (json !== undefined) yield [store.recordPrefix + slot.key, json];
      }
    }
  }

  /** Keys that hold something. */
  get size(): number {
    return this.stores.reduce((sum, store) => sum + store.size, 0);
  }

  /** Something changed since the last result. */
  get isDirty(): boolean {
    return this.stores.some((store) => store.dirty.length > 0);
  }

  /** The store that a record key belongs to; undefined where this release has none. */
  storeOf(recordKey: string): StateStore | undefined {
    return this.stores.find(({ recordPrefix }) => recordKey.startsWith(recordPrefix));
  }

  /** Restores a value, as JSON. What no store has a place for is left out. */
  set(recordKey: string, json: string): void {
    const store = this.storeOf(recordKey);
    store?.load(recordKey.slice(store.recordPrefix.length), json);
    this.loaded(1);
  }

  /** So many values were restored: those that memory has no room for are put aside. */
  loaded(values: number): void {
    this.#unweighed += values;
    if (this.#unweighed < PUT_ASIDE_AT_ONCE) return;
    this.#unweighed = 0;
    while (this.#putAside() > 0);
  }

  /** A handler has returned: its changes stand, and values may be put aside. */
  called(): void {
    this.journal.clear();
    if (++this.#unweighed < CALLS_BETWEEN) return;
    this.#unweighed = 0;
    this.#putAside();
  }

  /** Restores that a key is gone. */
  delete(recordKey: string): void {
    const store = this.storeOf(recordKey);
    store?.load(recordKey.slice(store.recordPrefix.length), null);
  }

  /** Whether a key holds nothing. */
  isGone(recordKey: string): boolean {
    const store = this.storeOf(recordKey);
    return store?.get(recordKey.slice(store.recordPrefix.length)) === undefined;
  }

  /** After all is restored. `rewrite`: keys whose newest record is of a result that never ended. */
  restored(rewrite: Iterable<string>): void {
    this.timers.rebuild();
    this.parked.rebuild();
    for (const recordKey of rewrite) {
      const store = this.storeOf(recordKey);
      store?.rewrite(recordKey.slice(store.recordPrefix.length));
    }
  }

  /** A result holds all that changed. */
  clean(): void {
    for (const store of this.stores) store.clean();
    this.#putAside();
  }

  /** Values that are on the disk. */
  get spilled(): number {
    return this.#spill?.values ?? 0;
  }

  /** It holds no memory and no disk any more, and may not be used. */
  async close(): Promise<void> {
    await this.#spill?.close();
  }

  #putAside(): number {
    let left = PUT_ASIDE_AT_ONCE;
    if (this.#spill === null || this.#spill.overBytes === 0) return 0;
    for (const store of Object.values(this.named)) left -= store.putAside(left);
    return PUT_ASIDE_AT_ONCE - left;
  }
}
