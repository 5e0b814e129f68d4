import { createServer, connect, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/**
 * A TCP proxy that can be told to fail. It listens on a port of its own, so the broker behind it must be reached by that address: Kafka
 * clients learn brokers' addresses from metadata, so `rewrite` replaces the broker's port in what it answers (four bytes, same length).
 */
export class TcpProxy {
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  /** Called with each piece the broker answers; return false to cut the connection instead of passing it on. */
  onAnswer: (piece: Buffer) => boolean = () => true;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async open(broker: string): Promise<TcpProxy> {
    const [host = '', port = ''] = broker.split(':');
    const proxy = new TcpProxy({ host, port: Number(port) });
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cuts every connection, as a network does. */
  cut(): void {
    for (const [client, broker] of this.#pairs) {
      client.destroy();
      broker.destroy();
    }
    this.#pairs.clear();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    const broker = connect(this.#target);
    const pair = [client, broker] as const;
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      broker.destroy();
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    client.on('data', (piece) => broker.write(piece));
    broker.on('data', (piece: Buffer) => {
      if (this.onAnswer(piece)) client.write(this.#rewrite(piece));
      else end();
    });
  }

  /** `…host, port` as in Metadata and FindCoordinator answers. */
  #rewrite(piece: Buffer): Buffer {
    const { host, port } = this.#target;
    const ours = (this.#server.address() as AddressInfo).port;
    const pattern = Buffer.alloc(2 + host.length + 4);
    pattern.writeInt16BE(host.length);
    pattern.write(host, 2);
    pattern.writeInt32BE(port, 2 + host.length);
    for (let at = piece.indexOf(pattern); at >= 0; at = piece.indexOf(pattern, at + 1)) {
      piece.writeInt32BE(ours, at + 2 + host.length);
    }
    return piece;
  }
}
