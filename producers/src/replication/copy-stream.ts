import type { Socket } from 'node:net';
import { PlatformError } from '@millrace/kernel/errors';
import type { Connection, Submittable } from 'pg';
import { ReadGathering } from './read-gathering.ts';

/** What pg's connection has and its typings leave out. */
interface CopyConnection {
  readonly stream: Pick<Socket, 'pause' | 'resume' | 'on' | 'off'>;
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
}

/**
 * A statement whose answer is a stream of copy messages: COPY … TO STDOUT, or START_REPLICATION. Give it to `client.query`.
 *
 * `onData` gets each message as a view that is valid only during the call; what it throws ends the stream. `ended` resolves when the server ends
 * the copy, and rejects when it fails, the connection breaks, or `onData` threw.
 */
export class CopyStream implements Submittable {
  readonly ended: Promise<void>;
  /** Resolves at the first sign that the copy has begun. */
  readonly started: Promise<void>;
  readonly #text: string;
  readonly #onData: (chunk: Buffer) => void;
  #connection: CopyConnection | null = null;
  #failed = false;
  #forgetStart: () => void = () => undefined;
  #paused = false;
  #gathering = false;
  #forgetReads: () => void = () => undefined;
  #resolveStarted: () => void = () => undefined;
  #rejectStarted: (error: Error) => void = () => undefined;
  #resolveEnded: () => void = () => undefined;
  #rejectEnded: (error: Error) => void = () => undefined;

  constructor(text: string, onData: (chunk: Buffer) => void) {
    this.#text = text;
    this.#onData = onData;
    this.started = new Promise((resolve, reject) => {
      this.#resolveStarted = resolve;
      this.#rejectStarted = reject;
    });
    this.ended = new Promise((resolve, reject) => {
      this.#resolveEnded = resolve;
      this.#rejectEnded = reject;
    });
    // Whoever awaits them sees the failure; nobody has to await both.
    this.started.catch(() => undefined);
    this.ended.catch(() => undefined);
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Stops reading the socket. A few messages that were read already may still come. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#connection?.stream.pause();
  }

  /** Also where the stream before this one, on the same connection, was paused. */
  resume(): void {
    this.#paused = false;
    if (!this.#gathering) this.#connection?.stream.resume();
  }

  /** Sends a copy message to the server (a status update). */
  send(message: Buffer): void {
    if (!this.#failed) this.#connection?.sendCopyFromChunk(message);
  }

  /** Ends the stream with this error, from our side. */
  fail(error: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#forgetReads();
    this.#rejectStarted(error);
    this.#rejectEnded(error);
  }

  submit(connection: Connection): void {
    const copy = connection as unknown as CopyConnection & Connection;
    this.#connection = copy;
    const started = (): void => {
      this.#forgetStart();
      this.#resolveStarted();
    };
    // Also where it never starts: on one connection it may be tried again and again.
    this.#forgetStart = (): void => {
      copy.off('replicationStart', started);
      copy.off('copyOutResponse', started);
    };
    copy.on('replicationStart', started);
    copy.on('copyOutResponse', started);
    this.#gatherReads(copy.stream);
    copy.query(this.#text);
  }

  #gatherReads(stream: CopyConnection['stream']): void {
    const reads = new ReadGathering((held) => {
      this.#gathering = held;
      if (held) stream.pause();
      else if (!this.#paused) stream.resume();
    });
    const onRead = (chunk: Buffer): void => reads.read(chunk.length);
    stream.on('data', onRead);
    this.#forgetReads = () => stream.off('data', onRead);
  }

  handleCopyData(message: { chunk: Buffer }): void {
    if (this.#failed) return;
    try {
      this.#onData(message.chunk);
    } catch (error) {
      this.fail(error instanceof Error ? error : new PlatformError('internal', String(error)));
    }
  }

  handleError(error: Error): void {
    this.fail(error);
  }

  handleCommandComplete(): void {
    this.#resolveStarted();
  }

  handleReadyForQuery(): void {
    this.#forgetStart();
    this.#forgetReads();
    this.#resolveEnded();
  }

  handleRowDescription(): void {
    // A copy has none.
  }

  handleDataRow(): void {
    // A copy has none.
  }

  handlePortalSuspended(): void {
    // A simple query has none.
  }

  handleEmptyQuery(): void {
    // Never empty.
  }
}
