import { reconnectDelayMs } from './backoff.ts';
import { readFrame } from './messages.ts';
import type { ServerMessage } from './messages.ts';
import { FollowedTopics } from './topics.ts';
import type { TopicHandler } from './topics.ts';

/** The part of WebSocket that is used: a browser's, Node's own or `ws`. */
export interface WebSocketLike {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open' | 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number }) => void): void;
}

export type ClientStatus = 'connecting' | 'open' | 'waiting' | 'closed';

export interface RealtimeClientOptions {
  /** `ws://host:8090/rt` */
  readonly url: string;
  /** For order topics: asked anew at each connection, so that it may be fresh. */
  readonly token?: () => string | null | Promise<string | null>;
  /** Default: the global WebSocket. */
  readonly connect?: (url: string, protocol: string) => WebSocketLike;
  readonly onStatus?: (status: ClientStatus, closeCode?: number) => void;
  /** Errors that belong to no topic, e.g. a token that was refused. */
  readonly onError?: (error: { code: string; message: string }) => void;
  readonly random?: () => number;
  /** Runs `task` after `ms`; answers how to forget it. Default: setTimeout. */
  readonly schedule?: (task: () => void, ms: number) => () => void;
}

export interface RealtimeClient {
  readonly status: ClientStatus;
  /** Hands each topic's states to the handler, newer ones only; answers how to stop. */
  subscribe(topics: string | readonly string[], handler: TopicHandler): () => void;
  /** The token changed: connects anew with it. */
  refreshToken(): void;
  /** Ends for good. */
  close(): void;
}

const SUBPROTOCOL = 'millrace.v1';

/**
 * A live client. Guarantees: per topic, positions handed to handlers only grow, over every reconnect and gateway; after a reconnect each topic
 * goes on at the position it had. Reconnects as the close code says (`closeCodes`), with growing waits; `closed` is final.
 */
export function createRealtimeClient(options: RealtimeClientOptions): RealtimeClient {
  return new Client(options);
}

class Client implements RealtimeClient {
  status: ClientStatus = 'waiting';
  readonly #options: RealtimeClientOptions;
  readonly #topics = new FollowedTopics();
  #socket: WebSocketLike | null = null;
  #forgetWait: (() => void) | null = null;
  #failures = 0;
  #requests = 0;
  /** Topics asked for or dropped in this turn: one message for all of them. */
  #asking: Set<string> | null = null;

  constructor(options: RealtimeClientOptions) {
    this.#options = options;
    this.#connect();
  }

  subscribe(topics: string | readonly string[], handler: TopicHandler): () => void {
    const list = typeof topics === 'string' ? [topics] : [...new Set(topics)];
    for (const topic of list) {
      if (this.#topics.add(topic, handler)) this.#ask(topic);
    }
    return () => {
      const left = list.filter((topic) => this.#topics.remove(topic, handler));
      for (const topic of left) this.#asking?.delete(topic);
      if (left.length > 0 && this.status === 'open') this.#send({ type: 'unsubscribe', topics: left });
    };
  }

  refreshToken(): void {
    this.#topics.forgive();
    if (this.status === 'closed') return;
    this.#drop();
    this.#connect();
  }

  close(): void {
    this.#drop();
    this.#become('closed');
  }

  #connect(): void {
    this.#become('connecting');
    const { url, connect = globalConnect } = this.#options;
    let socket: WebSocketLike;
    try {
      socket = connect(url, SUBPROTOCOL);
    } catch (error) {
      this.#options.onError?.({
        code: 'connect-failed',
        message: error instanceof Error ? error.message : String(error),
      });
      this.#wait(1006);
      return;
    }
    this.#socket = socket;
    // Listeners of a socket that was replaced are deaf.
    const current = (): boolean => this.#socket === socket;
    socket.addEventListener('open', () => {
      if (current()) void this.#opened(socket);
    });
    socket.addEventListener('message', ({ data }) => {
      if (current() && typeof data === 'string') for (const message of readFrame(data)) this.#receive(message);
    });
    socket.addEventListener('error', () => undefined);
    socket.addEventListener('close', ({ code }) => {
      if (!current()) return;
      this.#socket = null;
      this.#wait(code);
    });
  }

  async #opened(socket: WebSocketLike): Promise<void> {
    const token = await this.#token();
    if (this.#socket !== socket) return;
    if (token !== null) this.#send({ type: 'auth', token });
    this.#become('open');
    this.#asking = null;
    this.#subscribe(this.#topics.wanted());
  }

  async #token(): Promise<string | null> {
    try {
      return (await this.#options.token?.()) ?? null;
    } catch (error) {
      this.#options.onError?.({
        code: 'token-failed',
        message: error instanceof Error ? error.message : String(error),
      });
      return null;
    }
  }

  #ask(topic: string): void {
    if (this.#asking !== null) {
      this.#asking.add(topic);
      return;
    }
    const asking = new Set([topic]);
    this.#asking = asking;
    queueMicrotask(() => {
      // Replaced: a new connection asked for everything.
      if (this.#asking !== asking) return;
      this.#asking = null;
      if (this.status === 'open') this.#subscribe([...asking]);
    });
  }

  #subscribe(topics: readonly string[]): void {
    // Frames stay well below the gateway's limit.
    for (let from = 0; from < topics.length; from += 200) {
      const part = topics.slice(from, from + 200);
      this.#requests += 1;
      this.#send({ type: 'subscribe', id: String(this.#requests), topics: part, resume: this.#topics.resume(part) });
    }
  }

  #receive(message: ServerMessage): void {
    this.#failures = 0;
    switch (message.type) {
      case 'snapshot':
      case 'update':
        this.#topics.state(message);
        break;
      case 'gap':
        this.#topics.gap(message);
        break;
      case 'error':
        if (message.topic !== undefined) this.#topics.refuse(message);
        else this.#options.onError?.(message);
        break;
      case 'drain':
        this.#moveWithin(message.reconnectWithinMs);
        break;
      case 'subscribed':
      case 'pong':
        break;
    }
  }

  /** The gateway stops: goes elsewhere at a time of chance within the given one, so that not all go at once. */
  #moveWithin(ms: number): void {
    this.#later(ms * this.#random(), () => {
      this.#drop();
      this.#connect();
    });
  }

  #wait(code: number): void {
    const delayMs = reconnectDelayMs(code, this.#failures, () => this.#random());
    this.#failures += 1;
    if (delayMs === null) {
      this.#forgetWait?.();
      this.#become('closed', code);
      return;
    }
    this.#become('waiting', code);
    this.#later(delayMs, () => {
      this.#connect();
    });
  }

  #later(ms: number, task: () => void): void {
    this.#forgetWait?.();
    const { schedule = globalSchedule } = this.#options;
    this.#forgetWait = schedule(task, ms);
  }

  #random(): number {
    return (this.#options.random ?? Math.random)();
  }

  #drop(): void {
    this.#forgetWait?.();
    this.#forgetWait = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  #send(message: unknown): void {
    this.#socket?.send(JSON.stringify(message));
  }

  #become(status: ClientStatus, closeCode?: number): void {
    this.status = status;
    this.#options.onStatus?.(status, closeCode);
  }
}

function globalConnect(url: string, protocol: string): WebSocketLike {
  const { WebSocket } = globalThis as unknown as { WebSocket?: new (url: string, protocol: string) => WebSocketLike };
  if (WebSocket === undefined) throw new Error('there is no global WebSocket here: give `connect`');
  return new WebSocket(url, protocol);
}

function globalSchedule(task: () => void, ms: number): () => void {
  const timer = setTimeout(task, ms);
  return () => {
    clearTimeout(timer);
  };
}
