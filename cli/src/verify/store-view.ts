import type { Lsn } from '@millrace/kernel/position';
import type { StoreName } from '../lag/index.ts';
import type { DocumentKind } from './expected/expected.ts';
import type { IdRange } from './expected/scopes.ts';

/** A document as a store holds it, in comparable form, with the position it was written at. */
export interface HeldDocument {
  readonly position: Lsn;
  readonly document: Record<string, unknown>;
}

/** The same, as little as is needed to see whether it is right. */
export interface HeldDigest {
  readonly id: string;
  /** As text of 20 digits: compares like the position. */
  readonly position: string;
  /** Of the text that `expected/` says the store's document has. */
  readonly digest: string;
}

/** Position, and stream time in ms, that all partitions have reached. */
export interface Applied {
  readonly lsn: Lsn;
  readonly committedAtMs: number;
}

/** One view in one store, as `verify` reads it: by the road's own outside (keys, aliases, `v_*`), never by the sinks' code. */
export interface StoreView {
  readonly view: string;
  readonly store: StoreName;
  readonly kind: DocumentKind;
  /** What every partition of the view has applied in this store; zeros where one is missing. */
  applied(): Promise<Applied>;
  /** The generation of the view that is read here. */
  generation(): Promise<number>;
  fetch(ids: readonly string[]): Promise<Map<string, HeldDocument>>;
  /**
   * In the order of ids, each once: everything that the store shows in the range where it can be asked so (`isRanged`), else what it holds of `ids`.
   */
  digests(range: IdRange, ids: readonly string[]): Promise<HeldDigest[]>;
  /** Whether `digests` finds ids that the tables do not know. Where not, `ids` does. */
  readonly isRanged: boolean;
  /** Every id the store shows, in pages, in any order; an id may come twice. */
  ids(): AsyncIterable<string[]>;
  /** Of what it holds, that which is to be compared with the document of the tables: they may have forgotten what it has not. Left out: all. */
  comparable?(should: Record<string, unknown>, held: Record<string, unknown>): Record<string, unknown>;
  /** The part of Postgres' document that this store holds; null where it holds nothing of such a document. */
  expected(document: Record<string, unknown>): Record<string, unknown> | null;
}
