import type { Journal, Undoable } from './journal.ts';
import type { KeyedStore, StoreSpec } from './processor.ts';
import type { Spill } from './spill/index.ts';

/** A key and what it holds, found once and then passed on. */
export interface Slot<T = unknown> {
  readonly key: string;
  /** Undefined: none, or still to be made of `json`, or on the disk. */
  value: T | undefined;
  /** A restored value that nobody has asked for yet. */
  json: string | null;
  /** `Spillable`. */
  bytes: number;
  place: number;
  /** Asked for since the last search for values to put aside came by. */
  used: boolean;
  /** At the last result, where it changed since. */
  previous: T | undefined;
  dirty: boolean;
}

/** How many slots a search for values to put aside looks at for each that it may find. */
const LOOKED_AT_FOR_ONE = 8;

/** What a new value counts as in the memory until somebody has made its JSON. */
const NEW_VALUE_BYTES = 512;

/**
 * One keyed store of a task: values, secondary indexes, and which keys changed since the last result, with the value each had then (undefined:
 * none). All in memory but for values that were put aside (`spill`), which come back when they are asked for.
 */
export class StateStore<T = unknown> implements KeyedStore<T, string>, Undoable<Slot<T>, T | undefined> {
  /** The record key of a value is this and its key. */
  readonly recordPrefix: string;
  /** Those without a value are there only while they are dirty. */
  readonly #slots = new Map<string, Slot<T>>();
  readonly #dirty: Slot<T>[] = [];
  readonly #indexes: { name: string; textOf: (value: never) => Texts; keys: Map<string, Set<string>> }[];
  readonly #journal: Journal;
  readonly #spill: Spill | null;
  #size = 0;
  /** The slot asked for last: a handler gets and sets the same key, and so does what emits it. */
  #last: Slot<T> | undefined;
  /** Where the last search for values to put aside ended. */
  #hand: Iterator<Slot<T>> | null = null;

  constructor(
    recordPrefix: string,
    journal: Journal,
    spec: Pick<StoreSpec, 'indexes'> = { indexes: {} },
    spill: Spill | null = null,
  ) {
    this.recordPrefix = recordPrefix;
    this.#journal = journal;
    this.#spill = spill;
    this.#indexes = Object.entries(spec.indexes).map(([name, textOf]) => ({ name, textOf, keys: new Map() }));
  }

  get size(): number {
    return this.#size;
  }

  /** In the order in which they changed first. */
  get dirty(): readonly Slot<T>[] {
    return this.#dirty;
  }

  get(key: string): T | undefined {
    return this.#find(key)?.value;
  }

  set(key: string, value: T): void {
    this.#change(this.#slot(key), value);
  }

  delete(key: string): void {
    const slot = this.#find(key);
    if (slot?.value !== undefined) this.#change(slot, undefined);
  }

  keys(): Iterable<string> {
    const keys: string[] = [];
    for (const slot of this.#slots.values()) if (isHeld(slot)) keys.push(slot.key);
    return keys;
  }

  /** How many `slots` answers if nothing changes. */
  get slotCount(): number {
    return this.#slots.size;
  }

  /** Every key there is, in no order that means anything; stands it that the store changes meanwhile. */
  slots(): IterableIterator<Slot<T>> {
    return this.#slots.values();
  }

  keysBy(index: string, text: string): Iterable<string> {
    const found = this.#indexes.find(({ name }) => name === index)?.keys.get(text);
    return found === undefined ? [] : [...found];
  }

  /**
   * Restores a value, neither journalled nor dirty; null: the key is gone. It is made of the JSON when it is first asked for, since most are not
   * for a long time; at once where an index needs it.
   */
  load(key: string, json: string | null): void {
    const slot = this.#slots.get(key);
    if (slot !== undefined && this.#last === slot) this.#last = undefined;
    if (json === null) {
      if (slot === undefined) return;
      this.#wake(slot);
      this.#place(slot, undefined);
      if (!slot.dirty) this.#drop(slot);
      return;
    }
    const loaded = slot ?? this.#add(key);
    if (this.#indexes.length > 0) {
      this.#wake(loaded);
      this.#place(loaded, JSON.parse(json) as T);
    } else {
      if (!isHeld(loaded)) this.#size++;
      loaded.value = undefined;
      loaded.json = json;
    }
    this.#spill?.forget(loaded);
    this.#spill?.weigh(loaded, json.length);
  }

  /** The JSON of what a slot holds now, for a result; null: it holds nothing. From here on it counts in the memory as that. */
  takeJson(slot: Slot): string | null {
    const { value, json, place } = slot;
    if (value === undefined && json === null) {
      if (place > 0) return this.#spill?.read(slot) ?? null;
      this.#spill?.weigh(slot, 0);
      return null;
    }
    const text = json ?? JSON.stringify(value);
    this.#spill?.weigh(slot, text.length);
    return text;
  }

  /** Its JSON as of the last result; undefined where it held nothing. What changed since is of no result yet, and may be undone. */
  asOfResult(slot: Slot): string | undefined {
    const { value, json, previous, dirty } = slot;
    if (dirty) return JSON.stringify(previous);
    if (json !== null) return json;
    return value === undefined && slot.place > 0 ? this.#spill?.read(slot) : JSON.stringify(value);
  }

  /**
   * Puts aside at most so many values that nobody asked for since the last search came by (the clock of Corbató, 1968), while there is too little
   * memory; how many. Not between a handler's change and the end of its call: the journal undoes values in memory. Of those that changed since the last
   * result only what is new since then: a first snapshot is one commit and may be larger than any memory; what it replaces has to stay for `previous`.
   */
  putAside(most: number): number {
    const spill = this.#spill;
    if (spill === null) return 0;
    const cold = new Set<Slot<T>>();
    let over = spill.overBytes;
    for (let looked = 0; over > 0 && cold.size < most && looked < most * LOOKED_AT_FOR_ONE; looked++) {
      const next = (this.#hand ??= this.#slots.values()).next();
      if (next.done === true) {
        if (this.#slots.size === 0 || looked > this.#slots.size * 2) break;
        this.#hand = null;
        continue;
      }
      const slot = next.value;
      if (slot.value === undefined && slot.json === null) continue;
      if (slot.dirty && slot.previous !== undefined) continue;
      if (slot.used || cold.has(slot)) {
        slot.used = false;
        continue;
      }
      cold.add(slot);
      over -= slot.bytes;
    }
    spill.putAside([...cold], ({ json, value }) => json ?? JSON.stringify(value));
    for (const slot of cold) {
      slot.value = undefined;
      slot.json = null;
    }
    this.#last = undefined;
    return cold.size;
  }

  /** The key's value goes into the next result, changed or not. */
  rewrite(key: string): void {
    const slot = this.#slot(key);
    if (!slot.dirty) this.#soil(slot);
  }

  /** The result holds all that changed. */
  clean(): void {
    for (const slot of this.#dirty) {
      slot.dirty = false;
      slot.previous = undefined;
      if (!isHeld(slot)) this.#drop(slot);
    }
    this.#dirty.length = 0;
  }

  undo(slot: Slot<T>, before: T | undefined, wasDirty: boolean): void {
    this.#place(slot, before);
    if (wasDirty) return;
    // Newest first: what became dirty last is at the end.
    this.#dirty.pop();
    slot.dirty = false;
    slot.previous = undefined;
    if (before === undefined) this.#drop(slot);
  }

  #find(key: string): Slot<T> | undefined {
    if (this.#last?.key === key) return this.#last;
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    if (slot.value === undefined) this.#wake(slot);
    slot.used = true;
    this.#last = slot;
    return slot;
  }

  /** Its value is in memory, if it has one. */
  #wake(slot: Slot<T>): void {
    if (slot.value !== undefined) return;
    if (slot.json === null && slot.place > 0 && this.#spill !== null) {
      slot.json = this.#spill.read(slot);
      this.#spill.weigh(slot, slot.json.length);
    }
    if (slot.json === null) return;
    slot.value = JSON.parse(slot.json) as T;
    slot.json = null;
  }

  #slot(key: string): Slot<T> {
    return this.#find(key) ?? (this.#last = this.#add(key));
  }

  #add(key: string): Slot<T> {
    const slot: Slot<T> = {
      key,
      value: undefined,
      json: null,
      bytes: 0,
      place: 0,
      used: false,
      previous: undefined,
      dirty: false,
    };
    this.#slots.set(key, slot);
    return slot;
  }

  #drop(slot: Slot<T>): void {
    this.#spill?.forget(slot);
    this.#spill?.weigh(slot, 0);
    this.#slots.delete(slot.key);
    if (this.#last === slot) this.#last = undefined;
  }

  #change(slot: Slot<T>, value: T | undefined): void {
    const { value: before, dirty } = slot;
    if (!dirty) this.#soil(slot);
    this.#spill?.forget(slot);
    if (before === undefined && slot.bytes === 0) this.#spill?.weigh(slot, NEW_VALUE_BYTES);
    this.#place(slot, value);
    this.#journal.record(this, slot, before, dirty);
  }

  #soil(slot: Slot<T>): void {
    slot.dirty = true;
    slot.previous = slot.value;
    this.#dirty.push(slot);
  }

  #place(slot: Slot<T>, value: T | undefined): void {
    const previous = slot.value;
    slot.value = value;
    if (previous === undefined) {
      if (value !== undefined) this.#size++;
    } else if (value === undefined) this.#size--;
    if (this.#indexes.length > 0) this.#reindex(slot.key, previous, value);
  }

  #reindex(key: string, previous: T | undefined, value: T | undefined): void {
    for (const { textOf, keys } of this.#indexes) {
      const before = previous === undefined ? null : textOf(previous as never);
      const after = value === undefined ? null : textOf(value as never);
      if (before === after) continue;
      for (const text of listOf(before)) {
        const found = keys.get(text);
        found?.delete(key);
        if (found?.size === 0) keys.delete(text);
      }
      for (const text of listOf(after)) {
        let found = keys.get(text);
        if (found === undefined) keys.set(text, (found = new Set()));
        found.add(key);
      }
    }
  }
}

/** In memory or on the disk. */
function isHeld({ value, json, place }: Slot): boolean {
  return value !== undefined || json !== null || place > 0;
}

type Texts = string | null | readonly string[];

function listOf(texts: Texts): readonly string[] {
  if (texts === null) return [];
  return typeof texts === 'string' ? [texts] : texts;
}
