import type { KeyedStore, StoreSpec } from './processor.ts';

/** Undoes what one handler call did to the stores, newest first. */
export class Journal {
  readonly #steps: (() => void)[] = [];

  record(undo: () => void): void {
    this.#steps.push(undo);
  }

  /** The call is good. */
  clear(): void {
    if (this.#steps.length > 0) this.#steps.length = 0;
  }

  rollback(): void {
    for (let undo = this.#steps.pop(); undo !== undefined; undo = this.#steps.pop()) undo();
  }
}

/**
 * One keyed store of a task, in memory: values, secondary indexes, and which keys changed since the last result, with the value each had
 * then (undefined: none).
 */
export class StateStore<T = unknown> implements KeyedStore<T, string> {
  /** The record key of a value is this and its key. */
  readonly recordPrefix: string;
  readonly dirty = new Map<string, T | undefined>();
  readonly #values = new Map<string, T>();
  readonly #indexes: { name: string; textOf: (value: never) => Texts; keys: Map<string, Set<string>> }[];
  readonly #journal: Journal;

  constructor(recordPrefix: string, journal: Journal, spec: Pick<StoreSpec, 'indexes'> = { indexes: {} }) {
    this.recordPrefix = recordPrefix;
    this.#journal = journal;
    this.#indexes = Object.entries(spec.indexes).map(([name, textOf]) => ({ name, textOf, keys: new Map() }));
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: string): T | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: T): void {
    this.#change(key, value);
  }

  delete(key: string): void {
    if (this.#values.has(key)) this.#change(key, undefined);
  }

  keys(): Iterable<string> {
    return [...this.#values.keys()];
  }

  keysBy(index: string, text: string): Iterable<string> {
    const found = this.#indexes.find(({ name }) => name === index)?.keys.get(text);
    return found === undefined ? [] : [...found];
  }

  /** Puts a value as restored, neither journalled nor dirty. */
  load(key: string, value: T | undefined): void {
    this.#place(key, this.#values.get(key), value);
  }

  #change(key: string, value: T | undefined): void {
    const previous = this.#values.get(key);
    const wasDirty = this.dirty.has(key);
    if (!wasDirty) this.dirty.set(key, previous);
    this.#place(key, previous, value);
    this.#journal.record(() => {
      if (!wasDirty) this.dirty.delete(key);
      this.#place(key, value, previous);
    });
  }

  #place(key: string, previous: T | undefined, value: T | undefined): void {
    if (value === undefined) this.#values.delete(key);
    else this.#values.set(key, value);
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

type Texts = string | null | readonly string[];

function listOf(texts: Texts): readonly string[] {
  if (texts === null) return [];
  return typeof texts === 'string' ? [texts] : texts;
}
