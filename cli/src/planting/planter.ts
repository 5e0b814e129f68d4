import type { DifferenceKind, StoreView } from '../verify/index.ts';

/** A way to make a document of one view wrong in one store. */
export interface Way {
  /** What is done: a field's name, or missing, extra, position. */
  readonly name: string;
  readonly kind: DifferenceKind;
  /** Does it to a document that the store shows. Answers the key that is wrong then; null where this document cannot be made wrong so. */
  plant(id: string): Promise<string | null>;
}

/** The ways of one store. */
export interface Planter {
  ways(view: StoreView): readonly Way[];
  /** Makes it visible. */
  done(): Promise<void>;
}

/** An id as documents have them, of none. */
export function strangeId(at: number): string {
  return `0190ffff-0000-7000-8000-${at.toString(16).padStart(12, '0')}`;
}
