import type { Lsn } from '@millrace/kernel/position';

/**
 * Decides what may be acknowledged to Postgres: an end LSN only once the log holds everything up to it. No sockets, no clock.
 *
 * Hand-overs are made in commit order and may be settled in any order; `acknowledged` is the end of the longest settled run from the
 * beginning. What is handed over and never settled holds it back for good.
 */
export class Acknowledger {
  readonly #pending: { endLsn: Lsn; settled: boolean }[] = [];
  #acknowledged: Lsn;

  /** `start` is what the slot has confirmed already. */
  constructor(start: Lsn) {
    this.#acknowledged = start;
  }

  get acknowledged(): Lsn {
    return this.#acknowledged;
  }

  /** Everything up to `endLsn` was handed to the log; the answer is to be called when the log holds it. */
  handOver(endLsn: Lsn): () => void {
    const entry = { endLsn, settled: false };
    this.#pending.push(entry);
    return () => {
      entry.settled = true;
      this.#advance();
    };
  }

  /** The stream has reached `endLsn` with nothing to hand over since the last hand-over. */
  reached(endLsn: Lsn): void {
    const last = this.#pending.at(-1);
    if (last?.settled === true) last.endLsn = endLsn > last.endLsn ? endLsn : last.endLsn;
    else this.#pending.push({ endLsn, settled: true });
    this.#advance();
  }

  #advance(): void {
    let done = 0;
    for (const { endLsn, settled } of this.#pending) {
      if (!settled) break;
      if (endLsn > this.#acknowledged) this.#acknowledged = endLsn;
      done++;
    }
    if (done > 0) this.#pending.splice(0, done);
  }
}
