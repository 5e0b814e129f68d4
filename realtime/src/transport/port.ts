import type { ProtocolLimits } from '../protocol/index.ts';

/** One client's connection. Calls after it is closed do nothing. */
export interface Connection {
  /** Takes the frame at once; never drops it. Look at `bufferedBytes` first. */
  send(frame: string): void;
  /** Bytes taken and not yet given to the operating system. */
  bufferedBytes(): number;
  /** Whether the other side answers pings: SSE clients cannot. */
  readonly answersPings: boolean;
  ping(): void;
  /** Sends what is buffered, then closes. Ends by force where the other side does not answer. */
  close(code: number, reason: string): void;
}

/** What the transport tells of a connection, in order; nothing after `closed`. */
export interface ConnectionEvents {
  text(frame: string): void;
  binary(): void;
  /** A pong, or any other sign of life. */
  alive(): void;
  /** The buffer fell: send on. May come at any time. */
  drained(): void;
  closed(code: number): void;
}

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  header(name: string): string | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Server-sent events: the head goes out, then `open` gets the connection whose frames become `data:` events. */
export interface EventStream {
  readonly headers: Readonly<Record<string, string>>;
  open(connection: Connection): ConnectionEvents;
}

export interface TransportHandlers {
  /** Null takes the WebSocket; otherwise the handshake is refused with that answer. */
  refuse(request: HttpRequest): HttpAnswer | null;
  open(connection: Connection): ConnectionEvents;
  http(request: HttpRequest): Promise<HttpAnswer | EventStream>;
}

export interface TransportOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly path: string;
  readonly limits: ProtocolLimits;
  readonly handlers: TransportHandlers;
}

/**
 * A WebSocket server with plain HTTP beside it on one port. Guarantees for every adapter: a client that offers subprotocols gets
 * `millrace.v1` or no handshake, no compression, no frame dropped, each connection's events in order, text as valid UTF-8.
 */
export interface Transport {
  readonly name: TransportName;
  readonly port: number;
  /** Takes no more connections. */
  stopListening(): void;
  /** Cuts what is still open. */
  close(): Promise<void>;
}

export type TransportName = 'ws' | 'uws';
