import { randomBytes } from 'node:crypto';
import type { Lsn } from '@millrace/kernel/position';
import type { Publisher } from '../capture/publisher.ts';

/** Prefix of the logical messages that mark a place in the stream. */
export const MARK_PREFIX = 'millrace.mark';

interface Awaited {
  readonly publish: (publisher: Publisher) => void;
  readonly arrived: (lsn: Lsn) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Where work beside the stream meets the stream: it commits a mark, and when the mark arrives, inside the mark's own transaction, what it has to
 * publish is published at that position. A mark of a session that is over is nobody's and is passed over, so what it was to carry is not
 * published; the mark's transaction is then empty.
 */
export class Marks {
  readonly #publisher: Publisher;
  readonly #awaited = new Map<string, Awaited>();

  constructor(publisher: Publisher) {
    this.#publisher = publisher;
  }

  /** Before the mark is committed: says what is to be published at it, at once, when it arrives. */
  expect(publish: (publisher: Publisher) => void): { readonly token: string; readonly arrived: Promise<Lsn> } {
    const token = randomBytes(12).toString('hex');
    const arrived = new Promise<Lsn>((resolve, reject) => {
      this.#awaited.set(token, { publish, arrived: resolve, failed: reject });
    });
    // Who stops waiting, because the session ends, leaves it unanswered.
    arrived.catch(() => undefined);
    return { token, arrived };
  }

  /** A logical message came. */
  take(prefix: string, content: Buffer): void {
    const lsn = this.#publisher.openCommit?.lsn;
    if (prefix !== MARK_PREFIX || lsn === undefined) return;
    const token = content.toString('latin1');
    const awaited = this.#awaited.get(token);
    if (awaited === undefined) return;
    this.#awaited.delete(token);
    try {
      awaited.publish(this.#publisher);
    } catch (error) {
      awaited.failed(error);
      throw error;
    }
    awaited.arrived(lsn);
  }
}
