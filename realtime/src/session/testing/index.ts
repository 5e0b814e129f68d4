import { PlatformError } from '@millrace/kernel/errors';
import type { Principal } from '@millrace/kernel/security';
import { TopicState } from '../../feed/index.ts';
import type { TopicOwner } from '../../feed/index.ts';
import { Hub } from '../../hub/index.ts';
import { defaultLimits } from '../../protocol/index.ts';
import type { ProtocolLimits, Topic, TopicKind } from '../../protocol/index.ts';
import type { Connection } from '../../transport/index.ts';
import { Session } from '../session.ts';

export type Message = Record<string, unknown> & { type: string };

/** A connection whose buffer a test fills and empties. */
export class FakeConnection implements Connection {
  readonly answersPings: boolean = true;
  frames: string[] = [];
  pings = 0;
  closedWith: [number, string] | null = null;
  /** While true nothing leaves: what is sent stays buffered. */
  blocked = false;
  buffered = 0;

  send(frame: string): void {
    this.frames.push(frame);
    if (this.blocked) this.buffered += frame.length;
  }

  bufferedBytes(): number {
    return this.buffered;
  }

  ping(): void {
    this.pings += 1;
  }

  close(code: number, reason: string): void {
    this.closedWith ??= [code, reason];
  }

  /** Messages sent since the last call. */
  messages(): Message[] {
    return this.frames.splice(0).flatMap((frame) => JSON.parse(frame) as Message | Message[]);
  }
}

/** A session on a fake connection, with a world of topics and a clock that the test moves. */
export class SessionHarness {
  readonly connection = new FakeConnection();
  readonly hub = new Hub();
  readonly session: Session;
  readonly seen = { conflated: 0, gaps: 0, delivered: 0, errors: [] as string[] };
  readonly states = new Map<string, TopicState>();
  readonly callers = new Map<string, Principal>();
  nowMs = 1_000_000;
  /** Position of what is absent. */
  appliedLsn = 0n;
  #verified: (() => void)[] = [];
  /** While true, tokens wait for `verify`. */
  holdTokens = false;

  constructor(options: { limits?: Partial<ProtocolLimits>; maxWaitingEvents?: number } = {}) {
    this.session = new Session(this.connection, {
      hub: this.hub,
      current: ({ text, kind, id }: Topic) =>
        this.states.get(text) ?? new TopicState(kind, id, { lsn: this.appliedLsn, tsUs: 0 }, null, null),
      authenticate: async (token) => {
        if (this.holdTokens) await new Promise<void>((resolve) => this.#verified.push(resolve));
        const principal = this.callers.get(token);
        if (principal === undefined) throw new PlatformError('unauthenticated', 'The token is not valid here.');
        return { principal, expiresAtMs: 2_000_000 };
      },
      observer: {
        onConflated: () => void (this.seen.conflated += 1),
        onGap: () => void (this.seen.gaps += 1),
        onDelivered: () => void (this.seen.delivered += 1),
        onSent: () => undefined,
        onError: (code) => void this.seen.errors.push(code),
      },
      limits: { ...defaultLimits, ...options.limits },
      highWatermarkBytes: 100,
      maxWaitingEvents: options.maxWaitingEvents ?? 3,
      heartbeatMs: 1_000,
      now: () => this.nowMs,
    });
  }

  /** Makes the state the world's, and publishes it. */
  publish(topic: string, lsn: bigint, data: unknown = { lsn: lsn.toString() }, owner: TopicOwner | null = null): void {
    const [kind, id] = topic.split(':') as [TopicKind, string];
    const state = new TopicState(kind, id, { lsn, tsUs: 0 }, data, owner);
    const held = this.states.get(topic);
    if (held === undefined || held.position < state.position) this.states.set(topic, state);
    this.hub.publish(state);
  }

  send(message: unknown): Message[] {
    this.session.receive(typeof message === 'string' ? message : JSON.stringify(message));
    return this.connection.messages();
  }

  flush(): Message[] {
    this.hub.flush();
    return this.connection.messages();
  }

  block(): void {
    this.connection.blocked = true;
    this.connection.buffered = 1_000;
  }

  unblock(): Message[] {
    this.connection.blocked = false;
    this.connection.buffered = 0;
    this.session.flush();
    return this.connection.messages();
  }

  verify(): void {
    for (const resolve of this.#verified.splice(0)) resolve();
  }
}

/** The last two digits, enough to tell positions of a test apart. */
export const brief = (messages: readonly Message[]): string[] =>
  messages.map(({ type, position, from, to, code }) =>
    [
      type,
      ...[from, to, position, code].flatMap((text) => (typeof text === 'string' ? [text.replace(/^0{10,}/, '')] : [])),
    ].join(' '),
  );
