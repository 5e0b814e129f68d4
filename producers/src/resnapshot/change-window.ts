import type { Relation } from '@millrace/schemas/cdc';
import type { Visibility } from './visibility.ts';

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
 */
export class ChangeWindow implements ChangeObserver {
  /** Last transaction by key, per table. */
  readonly #tables = new Map<string, Map<string, number>>();
  readonly #truncated = new Map<string, number>();
  readonly #seen = new Set<number>();

  constructor(tables: readonly Pick<Relation, 'schema' | 'table'>[]) {
    for (const relation of tables) this.#tables.set(nameOf(relation), new Map());
  }

  changed(relation: Relation, key: Buffer, txid: number): void {
    const table = this.#tables.get(nameOf(relation));
    if (table === undefined) return;
    table.set(key.toString('latin1'), txid);
    this.#seen.add(txid);
  }

  truncated(relation: Relation, txid: number): void {
    if (!this.#tables.has(nameOf(relation))) return;
    this.#truncated.set(nameOf(relation), txid);
    this.#seen.add(txid);
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

  /** Forgets what every snapshot from now on sees. */
  forget(visibility: Visibility): void {
    for (const table of [...this.#tables.values(), this.#truncated]) {
      for (const [key, txid] of table) if (visibility.sees(txid)) table.delete(key);
    }
    for (const txid of this.#seen) if (visibility.sees(txid)) this.#seen.delete(txid);
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
