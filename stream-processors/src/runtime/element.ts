import type { Lsn } from '@millrace/kernel/position';
import type { Change } from '@millrace/schemas/cdc';
import type { ViewEntry } from '@millrace/schemas/views';

/**
 * The record an element came from, as the dead-letter topic would need it: views into what was fetched, until `own` copies them. A copy is a text of
 * one byte per character: V8 counts memory of buffers against a fixed limit of 64 MB, whatever the size of the heap, and marks the whole heap each
 * time that so much came.
 */
export class Origin {
  #key: Buffer | string | null;
  #value: Buffer | string | null;
  #isOwned = false;

  constructor(key: Buffer | null, value: Buffer | null) {
    this.#key = key;
    this.#value = value;
  }

  get key(): Buffer | null {
    return bufferOf(this.#key);
  }

  get value(): Buffer | null {
    return bufferOf(this.#value);
  }

  /** Copies the record's bytes, so that the element outlives the poll that fetched it. */
  own(): void {
    if (this.#isOwned) return;
    this.#isOwned = true;
    this.#key = (this.#key as Buffer | null)?.toString('latin1') ?? null;
    this.#value = (this.#value as Buffer | null)?.toString('latin1') ?? null;
  }
}

function bufferOf(bytes: Buffer | string | null): Buffer | null {
  return typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
}

interface Positioned {
  readonly lsn: Lsn;
  readonly tsUs: number;
  readonly offset: bigint;
}

export interface WatermarkElement extends Positioned {
  readonly kind: 'watermark';
}
export interface ChangeElement extends Positioned {
  readonly kind: 'change';
  readonly change: Change;
  readonly origin: Origin;
}
export interface EntryElement extends Positioned {
  readonly kind: 'entry';
  readonly entry: ViewEntry;
  readonly origin: Origin;
}
/** A record that could not be decoded: it stands at the position of what came before it in its partition. */
export interface PoisonElement extends Positioned {
  readonly kind: 'poison';
  readonly error: Error;
  readonly origin: Origin;
}

/** One thing an input showed, at a position. */
export type Element = WatermarkElement | ChangeElement | EntryElement | PoisonElement;

/** The aggregate a record belongs to, from its key: `<table>/<aggregate>[/…]` or `<kind>:<aggregate>[/…]`. Null for truncates and strange keys. */
export function aggregateOf(key: Buffer | null): string | null {
  if (key === null) return null;
  const text = key.toString('utf8');
  const start = text.search(/[/:]/) + 1;
  if (start === 0) return null;
  const end = text.indexOf('/', start);
  const id = end === -1 ? text.slice(start) : text.slice(start, end);
  return id === '' ? null : id;
}
