import { Journal } from './journal.ts';
import { Parked } from './parked.ts';
import type { AnyProcessor } from './processor.ts';
import { STATE_PREFIX } from './state-records.ts';
import { StateStore, asOfResult } from './state-store.ts';
import { Timers } from './timers.ts';

/** All that a task remembers: the processor's stores, its timers, its parked aggregates, and the journal that undoes a handler's changes of them. */
export class TaskState {
  readonly journal = new Journal();
  readonly timers = new Timers(this.journal);
  readonly parked = new Parked(this.journal);
  /** Those of the processor, by name: what its handlers see. */
  readonly named: Readonly<Record<string, StateStore>>;
  /** All of them, in the order in which a result holds their changes. */
  readonly stores: readonly StateStore[];

  constructor({ stores }: Pick<AnyProcessor, 'stores'>) {
    this.named = Object.fromEntries(
      Object.entries(stores).map(([name, spec]) => [
        name,
        new StateStore(`${STATE_PREFIX}${name}/`, this.journal, spec),
      ]),
    );
    this.stores = [...Object.values(this.named), this.timers.store, this.parked.store] as StateStore[];
  }

  /** Everything it holds as of the last result, as JSON by record key. */
  *values(): Generator<[string, string]> {
    for (const store of this.stores) {
      for (const slot of store.slots()) {
        const json = asOfResult(slot);
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
  }
}
