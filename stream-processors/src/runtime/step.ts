import type { Lsn } from '@millrace/kernel/position';
import type { ViewEntry, ViewKind } from '@millrace/schemas/views';
import type { Undoable } from './journal.ts';

export interface PendingEntry extends ViewEntry {
  /** The aggregate whose handler put it. */
  readonly owner: string | null;
}

/** Aggregates touched by a commit. Nearly always one, which then needs no set. */
export class Touched implements Undoable<string, null> {
  #only: string | null = null;
  #all: Set<string> | null = null;

  get size(): number {
    return this.#all?.size ?? (this.#only === null ? 0 : 1);
  }

  /** False where it was there. */
  add(id: string): boolean {
    if (this.#all === null) {
      if (this.#only === id) return false;
      if (this.#only === null) {
        this.#only = id;
        return true;
      }
      this.#all = new Set([this.#only]);
    }
    return this.#all.size < this.#all.add(id).size;
  }

  undo(id: string): void {
    if (this.#all === null) this.#only = null;
    else this.#all.delete(id);
  }

  sorted(): readonly string[] {
    if (this.#all !== null) return [...this.#all].sort();
    return this.#only === null ? [] : [this.#only];
  }

  clear(): void {
    this.#only = null;
    this.#all = null;
  }
}

/** Entries put, the last one per kind and id, in the order of the first. */
export class Puts implements Undoable<PendingEntry, PendingEntry | null> {
  #only: PendingEntry | null = null;
  #all: Map<string, PendingEntry> | null = null;

  get size(): number {
    return this.#all?.size ?? (this.#only === null ? 0 : 1);
  }

  /** The entry it takes the place of. */
  add(entry: PendingEntry): PendingEntry | null {
    const only = this.#only;
    if (this.#all === null) {
      if (only === null || (only.id === entry.id && only.kind === entry.kind)) {
        this.#only = entry;
        return only;
      }
      this.#all = new Map([[keyOf(only), only]]);
    }
    const key = keyOf(entry);
    const replaced = this.#all.get(key) ?? null;
    this.#all.set(key, entry);
    return replaced;
  }

  undo(entry: PendingEntry, replaced: PendingEntry | null): void {
    if (this.#all === null) this.#only = replaced;
    else if (replaced === null) this.#all.delete(keyOf(entry));
    else this.#all.set(keyOf(entry), replaced);
  }

  entries(): Iterable<PendingEntry> {
    if (this.#all !== null) return this.#all.values();
    return this.#only === null ? [] : [this.#only];
  }

  clear(): void {
    this.#only = null;
    this.#all = null;
  }
}

const keyOf = ({ kind, id }: PendingEntry): string => `${kind}:${id}`;

/** One lsn being taken: what its rows have touched so far. Its size is that of the changed keys, not of the rows. One object, begun again. */
export class Step {
  lsn: Lsn = 0n;
  tsUs = 0;
  /** The input whose elements at `lsn` are being taken. */
  input = 0;
  readonly touched = new Touched();
  readonly puts = new Puts();

  begin(lsn: Lsn, tsUs: number): this {
    this.lsn = lsn;
    this.tsUs = tsUs;
    this.input = 0;
    this.touched.clear();
    this.puts.clear();
    return this;
  }

  entry(kind: ViewKind, id: string, data: ViewEntry['data'], owner: string | null): PendingEntry {
    return { kind, id, lsn: this.lsn, tsUs: this.tsUs, data, owner };
  }
}
