/** What we use of uWebSockets.js; the package itself is optional, so its own declarations may be absent. */
export interface UwsModule {
  App(): UwsApp;
  readonly DISABLED: number;
  us_listen_socket_close(socket: unknown): void;
}

export interface UwsApp {
  ws<D>(pattern: string, behavior: UwsBehavior<D>): UwsApp;
  any(pattern: string, handler: (response: UwsResponse, request: UwsRequest) => void): UwsApp;
  listen(host: string, port: number, done: (socket: unknown) => void): UwsApp;
  close(): void;
}

export interface UwsBehavior<D> {
  readonly compression: number;
  readonly maxPayloadLength: number;
  readonly maxBackpressure: number;
  readonly idleTimeout: number;
  readonly sendPingsAutomatically: boolean;
  readonly upgrade: (response: UwsResponse, request: UwsRequest, context: unknown) => void;
  readonly open: (socket: UwsSocket<D>) => void;
  readonly message: (socket: UwsSocket<D>, message: ArrayBuffer, isBinary: boolean) => void;
  readonly drain: (socket: UwsSocket<D>) => void;
  readonly ping: (socket: UwsSocket<D>) => void;
  readonly pong: (socket: UwsSocket<D>) => void;
  readonly close: (socket: UwsSocket<D>, code: number) => void;
}

export interface UwsSocket<D> {
  /** 1 sent, 0 buffered, 2 dropped. */
  send(message: string, isBinary: boolean, compress: boolean): number;
  getBufferedAmount(): number;
  ping(): number;
  end(code: number, reason: string): void;
  close(): void;
  getUserData(): D;
}

export interface UwsRequest {
  getHeader(name: string): string;
  getMethod(): string;
  getUrl(): string;
  getQuery(): string | undefined;
  forEach(each: (name: string, value: string) => void): void;
}

export interface UwsResponse {
  cork(body: () => void): UwsResponse;
  writeStatus(status: string): UwsResponse;
  writeHeader(name: string, value: string): UwsResponse;
  /** False when it had to buffer. */
  write(chunk: string): boolean;
  end(body?: string, closeConnection?: boolean): UwsResponse;
  onWritable(handler: (offset: number) => boolean): UwsResponse;
  onAborted(handler: () => void): UwsResponse;
  upgrade(data: unknown, key: string, protocol: string, extensions: string, context: unknown): void;
}
