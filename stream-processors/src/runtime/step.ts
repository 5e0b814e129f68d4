import type { Lsn } from '@millrace/kernel/position';
import type { ViewEntry, ViewKind } from '@millrace/schemas/views';

export interface PendingEntry {
  readonly entry: ViewEntry;
  /** The aggregate whose handler put it. */
  readonly owner: string | null;
}

/** One lsn being taken: what its rows have touched so far. Its size is that of the changed keys, not of the rows. */
export class Step {
  readonly lsn: Lsn;
  readonly tsUs: number;
  /** The input whose elements at `lsn` are being taken. */
  input = 0;
  readonly touched = new Set<string>();
  puts = new Map<string, PendingEntry>();

  constructor(lsn: Lsn, tsUs: number) {
    this.lsn = lsn;
    this.tsUs = tsUs;
  }

  put(kind: ViewKind, id: string, data: ViewEntry['data'], owner: string | null): void {
    this.puts.set(`${kind}:${id}`, { entry: { kind, id, lsn: this.lsn, tsUs: this.tsUs, data }, owner });
  }
}
