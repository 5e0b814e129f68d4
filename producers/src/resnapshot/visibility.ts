import { PlatformError } from '@millrace/kernel/errors';

const LOW = 0xffff_ffffn;

/**
 * What a snapshot of Postgres sees, from `pg_current_snapshot()` (`xmin:xmax:xip,…`, 64-bit ids). A transaction whose commit is in the WAL may
 * be unseen by a later snapshot: it counts as running until it has told its client, and with synchronous replication that may take long.
 */
export class Visibility {
  readonly #xmax: number;
  readonly #running: ReadonlySet<number>;
  /** Running transactions, 64-bit ids as text. */
  readonly running: readonly string[];

  /** Throws `replication-protocol` for any other text. */
  constructor(snapshot: string) {
    const match = /^(\d+):(\d+):([\d,]*)$/.exec(snapshot);
    if (match === null) throw new PlatformError('replication-protocol', 'pg_current_snapshot() has an unknown form');
    this.#xmax = low(match[2] ?? '0');
    this.running = (match[3] ?? '').split(',').filter((id) => id !== '');
    this.#running = new Set(this.running.map(low));
  }

  /** Whether it sees what the committed top-level transaction did. `txid` is the stream's, the lower 32 bits. */
  sees(txid: number): boolean {
    // Ids wrap around: of two in use, the earlier one is less than half of the circle behind.
    return ((txid - this.#xmax) | 0) < 0 && !this.#running.has(txid >>> 0);
  }
}

/** The stream's form of a 64-bit transaction id. */
export function low(id: string): number {
  return Number(BigInt(id) & LOW);
}
