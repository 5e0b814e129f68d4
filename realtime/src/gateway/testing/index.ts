import { WebSocket } from 'ws';
import type { LogClient } from '@millrace/kernel/log';
import { DEMO_TENANT, createAccessTokens } from '@millrace/kernel/security';
import type { Principal } from '@millrace/kernel/security';
import { Registry, silentLogger } from '@millrace/kernel/telemetry';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { startGateway } from '../gateway.ts';
import type { Gateway, GatewayOptions } from '../gateway.ts';

export const TEST_SECRET = 'a secret of the tests alone';

/** A gateway on a free port of loopback, with its run and how to stop it. */
export interface RunningGateway extends Gateway {
  readonly url: string;
  readonly http: string;
  readonly ended: Promise<void>;
  /** As SIGTERM does. */
  stop(): Promise<void>;
}

export async function runGateway(
  log: LogClient,
  registry: SchemaRegistry,
  options: Partial<GatewayOptions> = {},
): Promise<RunningGateway> {
  const gateway = await startGateway({
    host: '127.0.0.1',
    port: 0,
    transport: 'ws',
    topicPrefix: '',
    authSecret: TEST_SECRET,
    allowedOrigins: ['*'],
    maxConnections: 100,
    maxTopics: 100,
    heartbeatMs: 25_000,
    highWatermarkBytes: 65_536,
    maxWaitingEvents: 100,
    drainMs: 100,
    log,
    registry: () => Promise.resolve(registry),
    logger: silentLogger(),
    metrics: new Registry(),
    ...options,
  });
  const controller = new AbortController();
  const ended = gateway.run(controller.signal);
  ended.catch(() => undefined);
  const deadline = Date.now() + 20_000;
  while (!(await gateway.ready()).ready) {
    if (Date.now() > deadline) throw new Error('the gateway did not become ready within 20 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return {
    ...gateway,
    url: `ws://127.0.0.1:${gateway.port}/rt`,
    http: `http://127.0.0.1:${gateway.port}`,
    ended,
    stop: async () => {
      controller.abort();
      await ended;
    },
  };
}

export function customerToken(customerId: string, ttlSeconds = 60): Promise<string> {
  return tokenOf({ subject: customerId, tenantId: DEMO_TENANT, roles: ['customer'], customerId }, ttlSeconds);
}

export function tokenOf(principal: Principal, ttlSeconds = 60): Promise<string> {
  return createAccessTokens(TEST_SECRET).sign(principal, ttlSeconds);
}

export type Message = Record<string, unknown> & { type: string };

/** A client of raw frames: messages in the order they came, waited for one by one. */
export class RawClient {
  readonly socket: WebSocket;
  readonly frames: string[] = [];
  readonly #messages: Message[] = [];
  #wake: (() => void) | null = null;
  readonly closed: Promise<number>;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      this.frames.push(data.toString());
      this.#messages.push(...[JSON.parse(data.toString()) as Message | Message[]].flat());
      this.#wake?.();
    });
    this.closed = new Promise((resolve) => socket.on('close', resolve));
  }

  static open(url: string, options: { origin?: string; protocols?: string[] } = {}): Promise<RawClient> {
    const { protocols = ['millrace.v1'], origin } = options;
    const socket = new WebSocket(url, protocols, origin === undefined ? {} : { origin });
    const client = new RawClient(socket);
    return new Promise((resolve, reject) => {
      socket.on('error', reject);
      socket.on('unexpected-response', (_, response) => reject(new Error(`HTTP ${response.statusCode ?? 0}`)));
      socket.on('open', () => resolve(client));
    });
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  async next(timeoutMs = 5_000): Promise<Message> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) throw new Error(`no message came within ${timeoutMs} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async take(count: number): Promise<Message[]> {
    const taken: Message[] = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }

  /** Everything up to the answer to a ping: proves that nothing else came. */
  async settle(): Promise<Message[]> {
    this.send({ type: 'ping', id: 'settle' });
    const taken: Message[] = [];
    for (;;) {
      const message = await this.next();
      if (message.type === 'pong' && message['id'] === 'settle') return taken;
      taken.push(message);
    }
  }

  close(): void {
    this.socket.close(1000);
  }
}
