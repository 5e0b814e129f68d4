import { PlatformError } from '@millrace/kernel/errors';
import type pg from 'pg';

/** Looks at the time this often per heartbeat. */
const LOOKS_PER_BEAT = 4;

export interface HeartbeatOptions {
  readonly client: pg.Client;
  readonly everyMs: number;
  /** Neither an answer nor a message for so long: the connection is dead, whatever the socket says. */
  readonly silenceMs: number;
  /** Reading is paused on purpose, so silence says nothing. */
  readonly paused: () => boolean;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Without a commit for a while, commits a small transactional message, so that watermarks, stream time and the slot advance on an idle source.
 * And since that keeps messages coming, their absence says that a connection is dead: `onFailure` with `engine-unreachable`.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #timer: NodeJS.Timeout;
  #lastCommitMs = performance.now();
  #lastHeardMs = performance.now();
  #beatSinceMs: number | null = null;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      this.#look(performance.now());
    }, options.everyMs / LOOKS_PER_BEAT);
  }

  /** A message came on the stream. */
  heard(): void {
    this.#lastHeardMs = performance.now();
  }

  /** A commit came. */
  committed(): void {
    this.#lastCommitMs = performance.now();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(nowMs: number): void {
    if (this.#options.paused()) this.#lastHeardMs = nowMs;
    if (nowMs - Math.min(this.#lastHeardMs, this.#beatSinceMs ?? nowMs) > this.#options.silenceMs) {
      this.stop();
      this.#options.onFailure(
        new PlatformError(
          'engine-unreachable',
          `Postgres has been silent for ${this.#options.silenceMs / 1000} s on an open connection`,
        ),
      );
      return;
    }
    const dueMs = this.#options.everyMs * (1 - 0.5 / LOOKS_PER_BEAT);
    if (this.#beatSinceMs === null && nowMs - this.#lastCommitMs >= dueMs) this.#beat(nowMs);
  }

  #beat(nowMs: number): void {
    const { client, onFailure } = this.#options;
    this.#beatSinceMs = nowMs;
    client.query("select pg_logical_emit_message(true, 'millrace.heartbeat', '')").then(() => {
      this.#beatSinceMs = null;
      this.#lastCommitMs = performance.now();
    }, onFailure);
  }
}
