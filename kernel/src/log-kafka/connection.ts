import type { Socket } from 'node:net';

/** The connection ended, or never answered in time: what was in flight may or may not have happened. */
export class ConnectionLost extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ConnectionLost';
  }
}

export interface WireRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  /** The request after its header, in pieces; written without copying, so left alone until answered. */
  readonly body: readonly Buffer[];
}

interface Waiting {
  readonly correlationId: number;
  readonly deadlineMs: number;
  readonly resolve: (answer: Buffer) => void;
  readonly reject: (error: ConnectionLost) => void;
}

const headerBytes = 4;
const copyBytes = 16_384;

/**
 * Frames and correlation on one authenticated socket. Kafka answers a connection's requests in their order; anything else ends the connection.
 * Every request settles: with its answer (the bytes after the correlation id, a buffer of its own) or with `ConnectionLost`.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #clientId: Buffer;
  readonly #waiting: Waiting[] = [];
  #nextCorrelationId = 0;
  #lost: ConnectionLost | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** The frame being received: null while its length is not known. */
  #frame: Buffer | null = null;
  #filled = 0;
  readonly #length = Buffer.alloc(headerBytes);
  #lengthFilled = 0;

  constructor(socket: Socket, clientId: string) {
    this.#socket = socket;
    const id = Buffer.from(clientId);
    this.#clientId = Buffer.alloc(2 + id.length);
    this.#clientId.writeInt16BE(id.length);
    id.copy(this.#clientId, 2);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.destroy(`The broker's connection failed: ${error.message}`, error));
    socket.on('close', () => this.destroy('The broker closed the connection.'));
  }

  get closed(): boolean {
    return this.#lost !== null;
  }

  request({ apiKey, apiVersion, body }: WireRequest, timeoutMs: number): Promise<Buffer> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
    const correlationId = this.#nextCorrelationId;
    this.#nextCorrelationId = (correlationId + 1) & 0x7fffffff;
    const header = Buffer.allocUnsafe(12 + this.#clientId.length);
    let size = 8 + this.#clientId.length;
    for (const piece of body) size += piece.length;
    header.writeInt32BE(size, 0);
    header.writeInt16BE(apiKey, 4);
    header.writeInt16BE(apiVersion, 6);
    header.writeInt32BE(correlationId, 8);
    this.#clientId.copy(header, 12);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ correlationId, deadlineMs: performance.now() + timeoutMs, resolve, reject });
      this.#armTimer(timeoutMs);
      this.#write([header, ...body], size + headerBytes);
    });
  }

  /** Small requests as one buffer (cheaper than a vector of pieces), large ones uncopied. */
  #write(pieces: readonly Buffer[], size: number): void {
    if (size <= copyBytes) {
      this.#socket.write(Buffer.concat(pieces, size));
      return;
    }
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
  }

  destroy(reason: string, cause?: unknown): void {
    if (this.#lost !== null) return;
    this.#lost = new ConnectionLost(reason, cause);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#socket.destroy();
    this.#frame = null;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#lost);
  }

  /** One timer for the connection: it looks at the oldest request, since answers come in order. */
  #armTimer(delayMs: number): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const oldest = this.#waiting[0];
      if (oldest === undefined) return;
      const leftMs = oldest.deadlineMs - performance.now();
      if (leftMs <= 0) this.destroy('The broker did not answer in time.');
      else this.#armTimer(leftMs);
    }, delayMs);
    this.#timer.unref();
  }

  #receive(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#lost === null) {
      if (this.#frame === null) {
        const taken = Math.min(headerBytes - this.#lengthFilled, chunk.length - at);
        chunk.copy(this.#length, this.#lengthFilled, at, at + taken);
        this.#lengthFilled += taken;
        at += taken;
        if (this.#lengthFilled < headerBytes) return;
        const size = this.#length.readInt32BE();
        if (size < 4) {
          this.destroy(`The broker sent a frame of ${size} bytes.`);
          return;
        }
        this.#frame = size > 4096 ? Buffer.allocUnsafeSlow(size) : Buffer.allocUnsafe(size);
        this.#filled = 0;
        this.#lengthFilled = 0;
      }
      const taken = Math.min(this.#frame.length - this.#filled, chunk.length - at);
      chunk.copy(this.#frame, this.#filled, at, at + taken);
      this.#filled += taken;
      at += taken;
      if (this.#filled === this.#frame.length) this.#complete(this.#frame);
    }
  }

  #complete(frame: Buffer): void {
    this.#frame = null;
    const waiting = this.#waiting.shift();
    if (waiting?.correlationId !== frame.readInt32BE(0)) {
      const error = new ConnectionLost('The broker answered out of order.');
      waiting?.reject(error);
      this.destroy(error.message);
      return;
    }
    waiting.resolve(frame.subarray(4));
  }
}
