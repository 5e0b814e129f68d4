import type { CloseReason } from '../protocol/index.ts';
import { Session } from '../session/index.ts';
import type { Caller, SessionContext, SessionObserver } from '../session/index.ts';
import type { Connection, ConnectionEvents } from '../transport/index.ts';
import type { GatewayMetrics } from './metrics.ts';

/** Every open session, and what counts them. */
export class SessionRegistry {
  readonly #sessions = new Map<Session, 'websocket' | 'sse'>();
  readonly #metrics: GatewayMetrics;
  readonly #context: SessionContext;
  readonly counts = { websocket: 0, sse: 0 };
  #onEmpty: (() => void) | null = null;

  constructor(metrics: GatewayMetrics, context: Omit<SessionContext, 'observer'>) {
    this.#metrics = metrics;
    this.#context = { ...context, observer: observe(metrics, context.now) };
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** `first` is handed to the session as if the client had sent it: how SSE subscribes. */
  open(
    connection: Connection,
    kind: 'websocket' | 'sse',
    caller: Caller | null = null,
    first?: string,
  ): ConnectionEvents {
    const session = new Session(connection, this.#context, caller);
    this.#sessions.set(session, kind);
    this.counts[kind] += 1;
    if (first !== undefined) session.receive(first);
    return {
      text: (frame) => {
        session.receive(frame);
      },
      binary: () => {
        session.receiveBinary();
      },
      alive: () => {
        session.seen();
      },
      drained: () => {
        session.flush();
      },
      closed: (code) => {
        this.#closed(session, code);
      },
    };
  }

  beat(): void {
    for (const session of this.#sessions.keys()) session.beat();
  }

  drain(reconnectWithinMs: number): void {
    for (const session of this.#sessions.keys()) session.drain(reconnectWithinMs);
  }

  endAll(reason: CloseReason): void {
    for (const session of [...this.#sessions.keys()]) session.end(reason);
  }

  /** Called once, when the last session has gone. */
  onEmpty(callback: () => void): void {
    this.#onEmpty = callback;
  }

  #closed(session: Session, code: number): void {
    const kind = this.#sessions.get(session);
    if (kind === undefined) return;
    this.#sessions.delete(session);
    this.counts[kind] -= 1;
    session.closed();
    this.#metrics.closes.inc({ code: String(code) });
    if (this.#sessions.size === 0) this.#onEmpty?.();
  }
}

function observe(metrics: GatewayMetrics, now: () => number): SessionObserver {
  return {
    onConflated: () => {
      metrics.conflated.inc();
    },
    onGap: () => {
      metrics.gaps.inc();
    },
    onDelivered: (state, type) => {
      metrics.deliveries.inc({ type });
      if (type === 'update') metrics.commitToSend.observe(Math.max(0, now() - state.tsUs / 1000) / 1000);
    },
    onSent: (characters) => {
      metrics.bytes.inc(characters);
    },
    onError: (code) => {
      metrics.errors.inc({ code });
    },
  };
}
