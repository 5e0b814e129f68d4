import type { Relation } from '@millrace/schemas/cdc';
import type { Visibility } from './visibility.ts';

const MOST_KEYS = 200_000;

/** Told of every change as it is published, in commit order. Keys are the records' keys; views. */
export interface ChangeObserver {
  changed(relation: Relation, key: Buffer, txid: number): void;
  truncated(relation: Relation, txid: number): void;
}

/**
 * The rows of some tables that were published lately, with the transaction that changed each last: what a chunk must not publish over.
 *
 * The rule it decides: a row read by a snapshot may be published now only if every transaction that was published and touched its key is seen by
 * that snapshot. It is enough to know the last one: whoever changes a row waits until the one before has ended, so a snapshot that sees the
 * later sees the earlier. What a snapshot sees, all later snapshots see, hence `forget`.
 *
 * Memory is bounded: of a table with more keys than `mostKeys` only the transactions are kept. A chunk whose snapshot does not see one of those
 * (`isBlind`) can't be decided row by row and is read again.
 */
export class ChangeWindow implements ChangeObserver {
  /** Last transaction by key, per table. */
  readonly #tables = new Map<string, Map<string, number>>();
  readonly #truncated = new Map<string, number>();
  readonly #seen = new Set<number>();
  /** Transactions whose keys are kept no more, per table. */
  readonly #blind = new Map<string, Set<number>>();
  readonly #mostKeys: number;
  /** Keys of which the stream has told since `noteTouched`, per table; null of a table that was emptied, or where they were too many. */
  #touched: Map<string, Set<string> | null> | null = null;

  constructor(tables: readonly Pick<Relation, 'schema' | 'table'>[], mostKeys = MOST_KEYS) {
    this.#mostKeys = mostKeys;
    for (const relation of tables) this.#tables.set(nameOf(relation), new Map());
  }

  changed(relation: Relation, key: Buffer, txid: number): void {
    const table = this.#tables.get(nameOf(relation));
    if (table === undefined) return;
    this.#touch(nameOf(relation), key);
    if (table.size >= this.#mostKeys) this.#spill(nameOf(relation), table);
    table.set(key.toString('latin1'), txid);
    this.#seen.add(txid);
  }

  truncated(relation: Relation, txid: number): void {
    if (!this.#tables.has(nameOf(relation))) return;
    this.#touched?.set(nameOf(relation), null);
    this.#truncated.set(nameOf(relation), txid);
    this.#seen.add(txid);
  }

  /** From now on remembers of which keys the stream tells, until the end. */
  noteTouched(): void {
    this.#touched = new Map([...this.#tables.keys()].map((name) => [name, new Set<string>()]));
  }

  /**
   * Whether the stream has told of this key since `noteTouched`: then the log has it from the stream, deleted or not, and nobody else may say
   * that it is gone. Null where that is not known, the table having been emptied or too many keys touched.
   */
  isTouched(relation: Relation, key: Buffer): boolean | null {
    const touched = this.#touched?.get(nameOf(relation));
    return touched?.has(key.toString('latin1')) ?? null;
  }

  /** Whether a change of this transaction was published since the window was opened. */
  hasSeen(txid: number): boolean {
    return this.#seen.has(txid);
  }

  /** Whether a row of this key, as `visibility` saw it, may be published now: nothing newer has been. */
  permits(relation: Relation, key: Buffer, visibility: Visibility): boolean {
    const truncated = this.#truncated.get(nameOf(relation));
    if (truncated !== undefined && !visibility.sees(truncated)) return false;
    const last = this.#tables.get(nameOf(relation))?.get(key.toString('latin1'));
    return last === undefined || visibility.sees(last);
  }

  /** Whether a chunk with this snapshot has to be read again: what it may not publish is not known. */
  isBlind(relation: Relation, visibility: Visibility): boolean {
    for (const txid of this.#blind.get(nameOf(relation)) ?? []) if (!visibility.sees(txid)) return true;
    return false;
  }

  /** Forgets what every snapshot from now on sees. */
  forget(visibility: Visibility): void {
    for (const table of [...this.#tables.values(), this.#truncated]) {
      for (const [key, txid] of table) if (visibility.sees(txid)) table.delete(key);
    }
    for (const table of this.#blind.values()) {
      for (const txid of table) if (visibility.sees(txid)) table.delete(txid);
    }
    for (const txid of this.#seen) if (visibility.sees(txid)) this.#seen.delete(txid);
  }

  #touch(name: string, key: Buffer): void {
    const touched = this.#touched?.get(name);
    if (touched === undefined || touched === null) return;
    if (touched.size < this.#mostKeys) touched.add(key.toString('latin1'));
    else this.#touched?.set(name, null);
  }

  #spill(name: string, table: Map<string, number>): void {
    const blind = this.#blind.get(name) ?? new Set();
    for (const txid of table.values()) blind.add(txid);
    table.clear();
    this.#blind.set(name, blind);
  }

  /** Keys held. */
  get size(): number {
    let size = 0;
    for (const table of this.#tables.values()) size += table.size;
    return size;
  }
}

function nameOf({ schema, table }: Pick<Relation, 'schema' | 'table'>): string {
  return `${schema}.${table}`;
}
