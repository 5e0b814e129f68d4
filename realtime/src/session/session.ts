import { asPlatformError } from '@millrace/kernel/errors';
import type { Principal } from '@millrace/kernel/security';
import type { TopicState } from '../feed/index.ts';
import type { Follower, Hub } from '../hub/index.ts';
import { closeCodes, encode, isConflated, parseFrame, parseTopic, supportedTopicsText } from '../protocol/index.ts';
import type { ClientMessage, CloseReason, Parsed, ProtocolLimits, ProtocolProblem, Topic } from '../protocol/index.ts';
import type { Connection } from '../transport/index.ts';
import { AbuseGuard } from './abuse.ts';
import { accessTo } from './access.ts';
import { Outbox } from './outbox.ts';
import type { OutboxObserver } from './outbox.ts';

/** Who a token says is calling, and until when (ms since 1970). */
export interface Caller {
  readonly principal: Principal;
  readonly expiresAtMs: number;
}

export interface SessionObserver extends OutboxObserver {
  onSent(bytes: number): void;
  onError(code: string): void;
}

export interface SessionContext {
  readonly hub: Hub;
  readonly current: (topic: Topic) => TopicState;
  /** Rejects with `unauthenticated`. */
  readonly authenticate: (token: string) => Promise<Caller>;
  readonly observer: SessionObserver;
  readonly limits: ProtocolLimits;
  /** Bytes waiting in the transport above which a session holds back, and conflates. */
  readonly highWatermarkBytes: number;
  readonly maxWaitingEvents: number;
  readonly heartbeatMs: number;
  readonly now: () => number;
}

const FRAME_CHARS = 65_536;
const MAX_CONTROL_MESSAGES = 2_000;

/** One client, whatever the transport. Messages are handled in order; those after an `auth` wait until it is verified. */
export class Session implements Follower {
  readonly #connection: Connection;
  readonly #context: SessionContext;
  readonly #outbox: Outbox;
  readonly #guard: AbuseGuard;
  /** Topics followed, with the highest position queued or owned by the client: nothing at or below it is queued again. */
  readonly #topics = new Map<string, { topic: Topic; reached: string }>();
  #inbox: Parsed[] = [];
  #authenticating = false;
  #caller: Caller | null;
  #lastSeenMs: number;
  #stuckBeats = 0;
  #ended = false;

  constructor(connection: Connection, context: SessionContext, caller: Caller | null = null) {
    this.#connection = connection;
    this.#context = context;
    this.#caller = caller;
    this.#lastSeenMs = context.now();
    this.#guard = new AbuseGuard(context.limits, this.#lastSeenMs);
    this.#outbox = new Outbox(
      { maxWaitingEvents: context.maxWaitingEvents, frameChars: FRAME_CHARS },
      context.observer,
    );
  }

  /** A text frame from the client. */
  receive(text: string): void {
    this.seen();
    this.#take(parseFrame(text, this.#context.limits));
  }

  receiveBinary(): void {
    this.seen();
    this.#take([{ problem: { code: 'binary-frame', message: 'send text frames that hold JSON, not binary ones' } }]);
  }

  /** The client gave a sign of life. */
  seen(): void {
    this.#lastSeenMs = this.#context.now();
  }

  enqueue(state: TopicState): void {
    const followed = this.#topics.get(state.topic);
    if (followed === undefined || state.position <= followed.reached) return;
    if (!this.#permits(followed.topic, state)) return;
    followed.reached = state.position;
    this.#outbox.update(state);
  }

  /** Sends until the reader is behind; what is left waits for the transport's drained signal. */
  flush(): void {
    while (!this.#ended && !this.#outbox.empty) {
      if (this.#connection.bufferedBytes() >= this.#context.highWatermarkBytes) break;
      const frame = this.#outbox.take();
      if (frame === null) return;
      this.#context.observer.onSent(frame.length);
      this.#connection.send(frame);
    }
    if (!this.#ended && this.#outbox.controlMessages > MAX_CONTROL_MESSAGES) this.end('tooSlow');
  }

  /** Called once per heartbeat interval: pings, and ends a session whose client is gone or does not read. */
  beat(): void {
    if (this.#ended) return;
    const { heartbeatMs, highWatermarkBytes, now } = this.#context;
    const stuck = this.#connection.bufferedBytes() >= highWatermarkBytes;
    this.#stuckBeats = stuck ? this.#stuckBeats + 1 : 0;
    const silent = this.#connection.answersPings && now() - this.#lastSeenMs > 2.5 * heartbeatMs;
    if (silent || (stuck && this.#stuckBeats > 2)) {
      this.end('tooSlow');
      return;
    }
    this.#connection.ping();
  }

  /** Tells the client to come back somewhere within that time; goes on serving it meanwhile. */
  drain(reconnectWithinMs: number): void {
    this.#outbox.control(encode.drain(reconnectWithinMs));
    this.flush();
  }

  /** Closes with a documented code. */
  end(reason: CloseReason): void {
    if (this.#ended) return;
    this.closed();
    const { code, name } = closeCodes[reason];
    this.#connection.close(code, name);
  }

  /** The connection is gone. */
  closed(): void {
    this.#ended = true;
    for (const topic of this.#topics.keys()) this.#context.hub.unfollow(topic, this);
    this.#topics.clear();
    this.#inbox = [];
  }

  #take(items: readonly Parsed[]): void {
    if (this.#ended) return;
    for (const item of items) this.#inbox.push(item);
    this.#work();
  }

  #work(): void {
    while (!this.#authenticating && !this.#ended) {
      const item = this.#inbox.shift();
      if (item === undefined) break;
      if (!this.#guard.admits(this.#context.now())) {
        this.#refuse({
          code: 'rate-limited',
          message: `at most ${this.#context.limits.messagesPerSecond} messages a second`,
        });
      } else if ('problem' in item) this.#refuse(item.problem);
      else this.#handle(item.message);
    }
    if (this.#inbox.length > this.#context.limits.messageBurst) this.end('rateLimited');
    this.flush();
  }

  #handle(message: ClientMessage): void {
    switch (message.type) {
      case 'ping':
        this.#outbox.control(encode.pong(message.id));
        break;
      case 'auth':
        this.#authenticate(message);
        break;
      case 'subscribe':
        this.#subscribe(message);
        break;
      case 'unsubscribe':
        for (const topic of message.topics) this.#leave(topic);
        break;
    }
  }

  #authenticate({ token, id }: Extract<ClientMessage, { type: 'auth' }>): void {
    this.#authenticating = true;
    this.#context
      .authenticate(token)
      .then(
        (caller) => {
          this.#caller = caller;
        },
        (error: unknown) => {
          const { message } = asPlatformError(error, 'unauthenticated');
          this.#refuse({ code: 'unauthenticated', message, ...(id === undefined ? {} : { id }) });
        },
      )
      .finally(() => {
        this.#authenticating = false;
        this.#work();
      });
  }

  #subscribe({ id, topics, resume }: Extract<ClientMessage, { type: 'subscribe' }>): void {
    const tag = id === undefined ? {} : { id };
    const accepted: { state: TopicState; has: string | null; topic: Topic }[] = [];
    const added = new Set<string>();
    for (const text of topics) {
      const topic = parseTopic(text);
      if (typeof topic === 'string') {
        const what = topic === 'invalid-topic' ? 'not a topic' : 'not served yet';
        this.#refuse({ code: topic, message: `${what}; ${supportedTopicsText}`, topic: text, ...tag });
        continue;
      }
      if (!this.#topics.has(text) && this.#topics.size + added.size >= this.#context.limits.maxTopics) {
        const message = `a connection follows at most ${this.#context.limits.maxTopics} topics`;
        this.#refuse({ code: 'too-many-topics', message, topic: text, ...tag });
        continue;
      }
      const state = this.#context.current(topic);
      const access = this.#access(topic, state);
      if (access !== 'ok') {
        this.#refuse({ code: access, message: accessText[access], topic: text, ...tag });
        continue;
      }
      if (!this.#topics.has(text)) added.add(text);
      accepted.push({ state, has: resume.get(text) ?? null, topic });
    }
    this.#outbox.control(
      encode.subscribed(
        id,
        accepted.map(({ topic }) => topic.text),
      ),
    );
    for (const { topic, state, has } of accepted) this.#begin(topic, state, has);
  }

  /** `has`: the position the client says it holds. */
  #begin(topic: Topic, state: TopicState, has: string | null): void {
    const { text } = topic;
    this.#context.hub.follow(text, this);
    this.#outbox.forget(text);
    // Ahead of us: it comes from a gateway that was further; wait until we are.
    if (has !== null && (has > state.position || (has === state.position && !state.absent))) {
      this.#topics.set(text, { topic, reached: has });
      this.#outbox.has(text, has);
      return;
    }
    this.#topics.set(text, { topic, reached: state.position });
    const missed = has !== null && has !== state.position && !isConflated(topic.kind);
    if (missed) this.#context.observer.onGap();
    this.#outbox.snapshot(state, missed ? has : null);
  }

  #leave(topic: string): void {
    if (!this.#topics.delete(topic)) return;
    this.#outbox.forget(topic);
    this.#context.hub.unfollow(topic, this);
  }

  #access(topic: Topic, state: TopicState): 'ok' | 'unauthenticated' | 'forbidden' {
    const caller = this.#caller;
    const valid = caller !== null && caller.expiresAtMs > this.#context.now();
    return accessTo(topic.kind, state.owner, valid ? caller.principal : null);
  }

  #permits(topic: Topic, state: TopicState): boolean {
    const access = this.#access(topic, state);
    if (access === 'ok') return true;
    this.#leave(topic.text);
    this.#refuse({ code: access, message: accessText[access], topic: topic.text });
    return false;
  }

  #refuse(problem: ProtocolProblem): void {
    this.#context.observer.onError(problem.code);
    this.#outbox.control(encode.error(problem));
    const reason = this.#guard.strike(problem.code, this.#context.now());
    if (reason === null) return;
    this.flush();
    this.end(reason);
  }
}

const accessText = {
  unauthenticated: 'this topic needs a valid token: send {"type":"auth","token":"…"}, then subscribe again',
  forbidden: 'the token does not allow this topic',
} as const;
