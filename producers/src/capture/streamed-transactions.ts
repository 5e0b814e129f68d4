import { PlatformError } from '@millrace/kernel/errors';
import { isOrigin, isRelation, isStreamStop, streamedXid } from '../pgoutput/index.ts';
import type { SpooledMessages, TransactionSpool } from '../spool/index.ts';

/**
 * Transactions that Postgres sends before their end: keeps their messages, raw, until they commit or are rolled back. Nothing of a transaction in
 * progress is seen outside.
 */
export class StreamedTransactions {
  readonly #spool: TransactionSpool;
  readonly #onEnd: (outcome: 'committed' | 'aborted') => void;
  #block: number | null = null;

  /** `onEnd` is told of each transaction that was published, or rolled back. */
  constructor(spool: TransactionSpool, onEnd: (outcome: 'committed' | 'aborted') => void) {
    this.#spool = spool;
    this.#onEnd = onEnd;
  }

  /** Whether what comes now belongs to a transaction in progress: give it to `take`. */
  get inBlock(): boolean {
    return this.#block !== null;
  }

  start(xid: number): void {
    this.#block = xid;
  }

  /** A message inside a block, at `start` of `message`; `stamp` is asked for where it describes a relation. Throws `spool-full`. */
  take(message: Buffer, start: number, stamp: () => number): void {
    const xid = this.#block;
    if (xid === null) throw new PlatformError('internal', 'a streamed message outside of a block');
    if (isStreamStop(message, start)) this.#block = null;
    else if (!isOrigin(message, start)) {
      this.#spool.append(xid, streamedXid(message, start), message, start, isRelation(message, start) ? stamp() : 0);
    }
  }

  /** `subxid` was rolled back: the whole transaction where it is `xid` itself. */
  abort(xid: number, subxid: number): void {
    if (xid !== subxid) {
      this.#spool.cut(xid, subxid);
      return;
    }
    this.#spool.drop(xid);
    this.#onEnd('aborted');
  }

  /** What is kept of the transaction, in order, without what was rolled back. */
  read(xid: number): AsyncGenerator<SpooledMessages> {
    return this.#spool.read(xid);
  }

  /** The transaction was published. */
  committed(xid: number): void {
    this.#spool.drop(xid);
    this.#onEnd('committed');
  }
}
