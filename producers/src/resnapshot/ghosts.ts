import type { KeyFact } from './log-keys.ts';
import type { TableScope } from './table-reader.ts';

/** A row's key as values, in the key's order. */
export type KeyValues = readonly string[];

interface Held {
  readonly values: KeyValues;
  /** Null of one that no record told of. */
  readonly partition: number | null;
}

const CHECKED_AT = 2_000;

/**
 * Finds, in one pass over the log, rows of one table that the log holds and the table has not. Keys wait until some are together, then the table
 * is asked; what it has not stays a suspect until the log itself takes it back.
 */
export class Ghosts {
  readonly #scope: TableScope;
  readonly #absent: (keys: readonly KeyValues[]) => Promise<readonly number[]>;
  /** Of these aggregates' rows alone, in Postgres' text. */
  readonly #aggregates: ReadonlySet<string> | null;
  readonly #unchecked = new Map<string, Held>();
  readonly #suspects = new Map<string, Held>();
  #unreadable = 0;

  constructor(
    scope: TableScope,
    aggregates: readonly string[] | null,
    absent: (keys: readonly KeyValues[]) => Promise<readonly number[]>,
  ) {
    this.#scope = scope;
    this.#aggregates = aggregates === null ? null : new Set(aggregates);
    this.#absent = absent;
  }

  /** Suspects known so far. */
  get size(): number {
    return this.#suspects.size;
  }

  /** Keys whose parts could not be told apart. */
  get unreadable(): number {
    return this.#unreadable;
  }

  async take({ partition, key, held }: KeyFact): Promise<void> {
    if (key === null) {
      this.#emptied(partition);
      return;
    }
    this.#unchecked.delete(key);
    this.#suspects.delete(key);
    if (!held) return;
    const values = this.#values(key);
    if (values === null) {
      this.#unreadable++;
      return;
    }
    if (this.#aggregates?.has(values[0] ?? '') === false) return;
    this.#unchecked.set(key, { values, partition });
    if (this.#unchecked.size >= CHECKED_AT) await this.#check();
  }

  /** The suspects, each once. */
  async found(): Promise<KeyValues[]> {
    // An aggregate that is gone is said to be gone also where the log does not hold it any more: a reader may.
    const gone = this.#scope.primaryKey.length === 1 ? (this.#aggregates ?? []) : [];
    for (const aggregate of gone) this.#unchecked.set(aggregate, { values: [aggregate], partition: null });
    await this.#check();
    const found = [...this.#suspects.values()].map(({ values }) => values);
    this.#suspects.clear();
    return found;
  }

  /** The other partitions' rows may be older or newer than that. */
  #emptied(partition: number): void {
    for (const held of [this.#unchecked, this.#suspects]) {
      for (const [key, { partition: of }] of held) if (of === partition) held.delete(key);
    }
  }

  async #check(): Promise<void> {
    const entries = [...this.#unchecked];
    this.#unchecked.clear();
    if (entries.length === 0) return;
    for (const index of await this.#absent(entries.map(([, { values }]) => values))) {
      const entry = entries[index];
      if (entry !== undefined) this.#suspects.set(...entry);
    }
  }

  /** Null where a value of a key of several columns holds the mark that separates them. */
  #values(key: string): KeyValues | null {
    const count = this.#scope.primaryKey.length;
    if (count === 1) return [key];
    const values = key.split('/');
    return values.length === count ? values : null;
  }
}
