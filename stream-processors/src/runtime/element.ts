import type { Lsn } from '@millrace/kernel/position';
import type { Change } from '@millrace/schemas/cdc';
import type { ViewEntry } from '@millrace/schemas/views';

/** The record an element came from, as the dead-letter topic would need it. Views into the fetched buffer until `owned`. */
export interface Origin {
  key: Buffer | null;
  value: Buffer | null;
  owned: boolean;
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

/** Copies the record's bytes, so that the element outlives the poll that fetched it. */
export function own(element: Element): void {
  if (element.kind === 'watermark' || element.origin.owned) return;
  const { origin } = element;
  origin.key = origin.key === null ? null : Buffer.from(origin.key);
  origin.value = origin.value === null ? null : Buffer.from(origin.value);
  origin.owned = true;
}

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
