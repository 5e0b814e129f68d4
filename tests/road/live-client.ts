import { WebSocket } from 'ws';

export interface Frame {
  readonly type: string;
  readonly topic?: string;
  readonly position?: string;
  readonly code?: string;
  readonly message?: string;
  readonly data?: Readonly<Record<string, unknown>> | null;
}

/** A WebSocket client that keeps what it was sent and notices a topic's position going back, over reconnects too. */
export class LiveClient {
  readonly frames: Frame[] = [];
  readonly wentBack: string[] = [];
  readonly #url: string;
  readonly #last = new Map<string, string>();
  #socket: WebSocket | undefined;
  #topics: string[] = [];
  #closed = false;

  constructor(url: string) {
    this.#url = url;
  }

  async subscribe(topics: readonly string[]): Promise<void> {
    this.#topics = [...this.#topics, ...topics];
    if (this.#socket === undefined) await this.#connect();
    else this.#send(topics);
  }

  sendRaw(text: string): void {
    this.#socket?.send(text);
  }

  /** The first frame that fits, now or later. Rejects after `timeoutMs`. */
  async frame(fits: (frame: Frame) => boolean, timeoutMs = 20_000): Promise<Frame> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = this.frames.find(fits);
      if (found !== undefined) return found;
      if (Date.now() > deadline)
        throw new Error(`no such frame in ${timeoutMs} ms; the last ones: ${JSON.stringify(this.frames.slice(-5))}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  close(): void {
    this.#closed = true;
    this.#socket?.terminate();
  }

  #connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.#url, 'millrace.v1');
      this.#socket = socket;
      socket.once('open', () => {
        this.#send(this.#topics);
        resolve();
      });
      socket.once('error', reject);
      socket.on('message', (raw: Buffer) => this.#received(JSON.parse(raw.toString()) as Frame | Frame[]));
      socket.once('close', () => {
        if (!this.#closed) setTimeout(() => void this.#connect().catch(() => undefined), 200);
      });
    });
  }

  #send(topics: readonly string[]): void {
    const resume = Object.fromEntries(
      topics.flatMap((topic) => (this.#last.has(topic) ? [[topic, this.#last.get(topic)]] : [])),
    );
    this.#socket?.send(JSON.stringify({ type: 'subscribe', id: 's', topics, resume }));
  }

  #received(received: Frame | Frame[]): void {
    for (const frame of Array.isArray(received) ? received : [received]) {
      this.frames.push(frame);
      if (
        (frame.type !== 'snapshot' && frame.type !== 'update') ||
        frame.topic === undefined ||
        frame.position === undefined
      )
        continue;
      const before = this.#last.get(frame.topic);
      if (before !== undefined && frame.position < before)
        this.wentBack.push(`${frame.topic}: ${before} → ${frame.position}`);
      this.#last.set(frame.topic, frame.position);
    }
  }
}
