import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';

/** `open`: passes everything on. `frozen`: keeps its connections and passes nothing, as a network that drops everything. `closed`: refuses. */
export type ProxyState = 'open' | 'frozen' | 'closed';

const FIRST_PORT = 23_000;
const PORTS = 900;

/** Stands between a capture and an engine. */
export class TcpProxy {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #state: ProxyState = 'open';
  #port = 0;

  private constructor(host: string, port: number) {
    this.#target = { host, port };
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async open(host: string, port: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(host, port);
    for (let tries = 0; !(await proxy.#listen(FIRST_PORT + Math.floor(Math.random() * PORTS))); tries++) {
      if (tries === 20) throw new Error('no port is free for a proxy');
    }
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  become(state: ProxyState): void {
    this.#state = state;
    for (const socket of this.#sockets) {
      if (state === 'closed') socket.destroy();
      else if (state === 'frozen') socket.pause();
      else socket.resume();
    }
  }

  async close(): Promise<void> {
    this.become('closed');
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #listen(port: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.#server.once('error', () => resolve(false));
      this.#server.listen(port, '127.0.0.1', () => {
        this.#port = port;
        resolve(true);
      });
    });
  }

  #accept(inner: Socket): void {
    if (this.#state === 'closed') {
      inner.destroy();
      return;
    }
    const outer = connect(this.#target);
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (data) => to.write(data));
      from.on('error', () => undefined);
      from.on('close', () => {
        this.#sockets.delete(from);
        // A network that drops everything does not tell of an end either.
        if (this.#state !== 'frozen') to.destroy();
      });
      if (this.#state === 'frozen') from.pause();
    }
  }
}
