import type pg from 'pg';

/** Looks at the time this often per heartbeat. */
const LOOKS_PER_BEAT = 4;

/**
 * Without a commit for a while, commits a small transactional message, so that watermarks, stream time and the slot advance on an idle source
 * and a dead connection is noticed.
 */
export class Heartbeat {
  readonly #timer: NodeJS.Timeout;
  #lastMs = performance.now();
  #beating = false;

  constructor(client: pg.Client, everyMs: number, onFailure: (error: unknown) => void) {
    this.#timer = setInterval(() => {
      if (this.#beating || performance.now() - this.#lastMs < everyMs * (1 - 0.5 / LOOKS_PER_BEAT)) return;
      this.#beating = true;
      client.query("select pg_logical_emit_message(true, 'millrace.heartbeat', '')").then(() => {
        this.#beating = false;
        this.#lastMs = performance.now();
      }, onFailure);
    }, everyMs / LOOKS_PER_BEAT);
  }

  /** A commit came. */
  committed(): void {
    this.#lastMs = performance.now();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
