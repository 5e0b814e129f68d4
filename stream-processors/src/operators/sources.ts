import { PlatformError } from '@millrace/kernel/errors';
import type { Change, Row } from '@millrace/schemas/cdc';
import type { ViewEntry } from '@millrace/schemas/views';
import type { KeyedStore } from '../runtime/processor.ts';
import { Running } from './node.ts';
import type { Place } from './place.ts';
import { inOrder, same } from './same.ts';

/** A source that is fed rows. */
export interface RowSource {
  apply(change: Change): void;
}
/** A source that is fed entries of a view. */
export interface EntrySource {
  applyView(entry: ViewEntry): void;
}

export interface TableSpec<T> {
  /** The primary key's columns: a delete says no more. The key of a value is their texts, joined by `/`. */
  readonly key: readonly string[];
  /** What is kept of a row; null: the row does not count. `held`: what was kept before, for large columns that an update left out. */
  readonly value: (row: Row, held: T | undefined) => T | null;
  /** Of a topic that is read in all its partitions: whether this task takes the row (by default every task takes all). */
  readonly owner?: (row: Row) => string | null;
}

export function keyOf(row: Row, columns: readonly string[]): string {
  const [first = '', ...others] = columns;
  let key = columnText(row, first);
  for (const column of others) key += `/${columnText(row, column)}`;
  return key;
}

function columnText(row: Row, column: string): string {
  const value = row[column];
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString();
  throw new PlatformError('record-malformed', `column ${column} is no key: it is missing or of another type`);
}

function isMoved(before: Row, after: Row, columns: readonly string[]): boolean {
  return columns.every((name) => before[name] != null) && columns.some((name) => before[name] !== after[name]);
}

/** Rows of one table, kept: what a change replaces is known, although Postgres tells no more of it than the key. */
export class TableRows<T> extends Running<T> implements RowSource {
  readonly #rows: KeyedStore<T>;
  readonly #spec: TableSpec<T>;

  constructor(place: Place, store: string, spec: TableSpec<T>) {
    super(place);
    this.#rows = place.store<T>(store);
    this.#spec = spec;
  }

  get(key: string): T | undefined {
    return this.#rows.get(key);
  }

  apply({ op, before, after }: Change): void {
    if (op === 't') {
      for (const key of [...this.#rows.keys()].sort(inOrder)) this.#change(key, undefined);
      return;
    }
    const { key: columns, value, owner } = this.#spec;
    if (before !== null && (after === null || isMoved(before, after, columns))) {
      this.#change(keyOf(before, columns), undefined);
    }
    if (after === null) return;
    const key = keyOf(after, columns);
    const id = owner?.(after);
    const isElsewhere = owner !== undefined && (id == null || !this.place.ctx.owns(id));
    this.#change(key, isElsewhere ? undefined : (value(after, this.#rows.get(key)) ?? undefined));
  }

  #change(key: string, after: T | undefined): void {
    const before = this.#rows.get(key);
    if (after === undefined) this.#rows.delete(key);
    else if (!same(before, after)) this.#rows.set(key, after);
    this.pass(key, before, after);
  }
}

/** Rows that are only ever inserted. Their keys are remembered, so that a row that is read again does not count twice. */
export class InsertedRows<T> extends Running<T> implements RowSource {
  readonly #seen: KeyedStore<1> | null;
  readonly #table: string;
  readonly #spec: TableSpec<T>;

  /** Without a store nothing is remembered, and rows that are read (again) are refused. */
  constructor(place: Place, store: string | null, table: string, spec: TableSpec<T>) {
    super(place);
    this.#seen = store === null ? null : place.store<1>(store);
    this.#table = table;
    this.#spec = spec;
  }

  get(): undefined {
    return undefined;
  }

  apply({ op, before, after }: Change): void {
    const { key: columns, value, owner } = this.#spec;
    // What a row that is deleted added, stays: old facts are often thrown away.
    if (op === 'd' && before !== null) this.#seen?.delete(keyOf(before, columns));
    if (op === 'd' || op === 't') return;
    const id = after === null ? null : owner?.(after);
    if (after === null || (owner !== undefined && (id == null || !this.place.ctx.owns(id)))) return;
    const key = keyOf(after, columns);
    if (op === 'u') this.#refuse('was updated: read it as a table');
    if (op === 'r' && this.#seen === null) this.#refuse('was read from the table: have its keys remembered');
    if (this.#seen?.get(key) !== undefined) return;
    this.#seen?.set(key, 1);
    const kept = value(after, undefined);
    if (kept !== null) this.pass(key, undefined, kept);
  }

  #refuse(why: string): never {
    throw new PlatformError(
      'record-malformed',
      `a row of ${this.#table}, which is declared to be inserted only, ${why}`,
    );
  }
}

/** Entries of another processor's view, kept. */
export class ViewEntries<T> extends Running<T> implements EntrySource {
  readonly #entries: KeyedStore<T>;
  readonly #value: (data: never, id: string) => T | null;
  readonly #owner: ((data: never, id: string) => string | null) | undefined;

  constructor(
    place: Place,
    store: string,
    value: (data: never, id: string) => T | null,
    owner?: (data: never, id: string) => string | null,
  ) {
    super(place);
    this.#entries = place.store<T>(store);
    this.#value = value;
    this.#owner = owner;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key);
  }

  applyView({ id, data }: ViewEntry): void {
    const before = this.#entries.get(id);
    const after = data === null || !this.#isMine(data, id) ? undefined : (this.#value(data as never, id) ?? undefined);
    if (after === undefined) this.#entries.delete(id);
    else if (!same(before, after)) this.#entries.set(id, after);
    this.pass(id, before, after);
  }

  #isMine(data: unknown, id: string): boolean {
    if (this.#owner === undefined) return true;
    const owner = this.#owner(data as never, id);
    return owner !== null && this.place.ctx.owns(owner);
  }
}
