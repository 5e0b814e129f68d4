import type { Lsn } from '@millrace/kernel/position';
import type pg from 'pg';
import { sqlState } from './connect.ts';
import { CopyStream } from './copy-stream.ts';
import { OBJECT_IN_USE } from './slot.ts';
import { statusUpdate } from './status-update.ts';

export interface ReplicationStreamOptions {
  readonly slot: string;
  readonly publication: string;
  /** Whether Postgres sends large transactions before their end, in parts. */
  readonly streaming: boolean;
  /** Whether columns are to come in binary form, where their types have one. */
  readonly binary: boolean;
  /** One copy message, a view; what it throws ends the stream. */
  readonly onMessage: (message: Buffer) => void;
  /** What may be acknowledged now, without epoch. */
  readonly acknowledged: () => Lsn;
}

const STATUS_EVERY_MS = 1_000;
/** Acknowledgements that come close together share one message. */
const STATUS_AFTER_MS = 20;

/**
 * The stream of a slot with our own status updates: at least one a second, also while reading is paused; soon after an acknowledgement; at once
 * when Postgres asks. Nothing but `acknowledged` is ever reported.
 */
export class ReplicationStream {
  readonly #copy: CopyStream;
  readonly #acknowledged: () => Lsn;
  readonly #timer: NodeJS.Timeout;
  #soon: NodeJS.Timeout | null = null;
  #reported: Lsn = -1n;

  private constructor(copy: CopyStream, acknowledged: () => Lsn) {
    this.#copy = copy;
    this.#acknowledged = acknowledged;
    this.#timer = setInterval(() => {
      this.reportNow();
    }, STATUS_EVERY_MS);
  }

  /** Starts at what the slot has confirmed. Null where another session is using the slot. */
  static async start(client: pg.Client, options: ReplicationStreamOptions): Promise<ReplicationStream | null> {
    const copy = new CopyStream(
      `START_REPLICATION SLOT ${options.slot} LOGICAL 0/0 ` +
        `(proto_version '2', streaming '${options.streaming ? 'on' : 'off'}', ` +
        `publication_names '"${options.publication}"', messages 'true', binary '${options.binary}')`,
      options.onMessage,
    );
    client.query(copy);
    try {
      await copy.started;
    } catch (error) {
      if (sqlState(error) === OBJECT_IN_USE) return null;
      throw error;
    }
    return new ReplicationStream(copy, options.acknowledged);
  }

  /** Rejects when the stream fails; resolves when Postgres ends it. */
  get ended(): Promise<void> {
    return this.#copy.ended;
  }

  setPaused(paused: boolean): void {
    if (paused) this.#copy.pause();
    else this.#copy.resume();
  }

  get paused(): boolean {
    return this.#copy.paused;
  }

  /** There is more to acknowledge. */
  reportSoon(): void {
    this.#soon ??= setTimeout(() => {
      if (this.#acknowledged() > this.#reported) this.reportNow();
      else this.#soon = null;
    }, STATUS_AFTER_MS);
  }

  reportNow(): void {
    if (this.#soon !== null) clearTimeout(this.#soon);
    this.#soon = null;
    this.#reported = this.#acknowledged();
    this.#copy.send(statusUpdate(this.#reported, Date.now()));
  }

  /** No more status updates. */
  stop(): void {
    clearInterval(this.#timer);
    if (this.#soon !== null) clearTimeout(this.#soon);
    this.#soon = null;
  }
}
