import type { Lsn } from '@millrace/kernel/position';
import type { DocumentKind } from './expected.ts';

/** A document as a store holds it, in comparable form, with the position it was written at. */
export interface HeldDocument {
  readonly position: Lsn;
  readonly document: Record<string, unknown>;
}

/** Position, and stream time in ms, that all partitions have reached. */
export interface Applied {
  readonly lsn: Lsn;
  readonly committedAtMs: number;
}

/** One view in one store, as `verify` reads it: by the road's own outside (keys, aliases, `v_*`), never by the sinks' code. */
export interface StoreView {
  readonly view: string;
  readonly store: string;
  readonly kind: DocumentKind;
  /** What every partition of the view has applied in this store; zeros where one is missing. */
  applied(): Promise<Applied>;
  fetch(ids: readonly string[]): Promise<Map<string, HeldDocument>>;
  /** Every id the store shows, in pages, in any order; an id may come twice. */
  ids(): AsyncIterable<string[]>;
  /** The part of Postgres' document that this store holds; null where it holds nothing of such a document. */
  expected(document: Record<string, unknown>): Record<string, unknown> | null;
}
