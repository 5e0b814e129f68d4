import type { TopicState } from '../feed/index.ts';
import { encode, frameOf, isConflated } from '../protocol/index.ts';

interface Waiting {
  /** Oldest first. State topics hold one: the newest. */
  states: TopicState[];
  first: 'snapshot' | 'update';
  /** Said before the first state: the reader has this position and misses what lies between. */
  gapFrom: string | null;
}

export interface OutboxObserver {
  onConflated(): void;
  onGap(): void;
  onDelivered(state: TopicState, type: 'snapshot' | 'update'): void;
}

export interface OutboxLimits {
  /** Order events one session may have waiting; above it each order topic keeps its newest, after a gap. */
  readonly maxWaitingEvents: number;
  /** A frame is closed once it has this many characters. */
  readonly frameChars: number;
}

/**
 * What one reader has still to get, bounded by its topics plus `maxWaitingEvents`: a state topic's waiting update gives way to a newer one, order
 * events queue, and where too many queue the reader is told of the gap and gets the newest. Never drops in silence, never goes back.
 */
export class Outbox {
  readonly #control: string[] = [];
  readonly #waiting = new Map<string, Waiting>();
  /** Last position handed out per topic. */
  readonly #sent = new Map<string, string>();
  readonly #limits: OutboxLimits;
  readonly #observer: OutboxObserver;
  #events = 0;

  constructor(limits: OutboxLimits, observer: OutboxObserver) {
    this.#limits = limits;
    this.#observer = observer;
  }

  get empty(): boolean {
    return this.#control.length === 0 && this.#waiting.size === 0;
  }

  get controlMessages(): number {
    return this.#control.length;
  }

  /** Answers and errors: in order, before any state. */
  control(message: string): void {
    this.#control.push(message);
  }

  /** The reader already has `position` of the topic. */
  has(topic: string, position: string): void {
    this.#sent.set(topic, position);
  }

  snapshot(state: TopicState, gapFrom: string | null): void {
    this.forget(state.topic);
    this.#put(state.topic, { states: [state], first: 'snapshot', gapFrom });
  }

  update(state: TopicState): void {
    const waiting = this.#waiting.get(state.topic);
    if (waiting === undefined) {
      this.#put(state.topic, { states: [state], first: 'update', gapFrom: null });
    } else if (isConflated(state.kind)) {
      waiting.states = [state];
      this.#observer.onConflated();
    } else {
      waiting.states.push(state);
      this.#events += 1;
    }
    if (this.#events > this.#limits.maxWaitingEvents) this.#collapse();
  }

  /** Drops what waits of a topic, and what is known of its reader. */
  forget(topic: string): void {
    const waiting = this.#waiting.get(topic);
    if (waiting !== undefined) this.#events -= eventsOf(waiting);
    this.#waiting.delete(topic);
    this.#sent.delete(topic);
  }

  /** The next frame, or null when nothing waits. */
  take(): string | null {
    if (this.empty) return null;
    const messages = this.#control.splice(0);
    let chars = messages.reduce((sum, message) => sum + message.length, 0);
    for (const [topic, waiting] of this.#waiting) {
      if (chars >= this.#limits.frameChars) break;
      this.#events -= eventsOf(waiting);
      this.#waiting.delete(topic);
      for (const message of this.#messagesOf(topic, waiting)) {
        messages.push(message);
        chars += message.length;
      }
    }
    return frameOf(messages);
  }

  *#messagesOf(topic: string, { states, first, gapFrom }: Waiting): Generator<string> {
    let type = first;
    for (const state of states) {
      if (gapFrom !== null && type === 'snapshot') yield encode.gap(topic, gapFrom, state.position);
      this.#sent.set(topic, state.position);
      this.#observer.onDelivered(state, type);
      yield state.message(type);
      type = 'update';
    }
  }

  #put(topic: string, waiting: Waiting): void {
    this.#waiting.set(topic, waiting);
    this.#events += eventsOf(waiting);
  }

  #collapse(): void {
    for (const [topic, waiting] of this.#waiting) {
      const newest = waiting.states.at(-1);
      if (newest === undefined || waiting.states.length < 2) continue;
      this.#events -= eventsOf(waiting);
      waiting.gapFrom ??= this.#sent.get(topic) ?? null;
      if (waiting.first === 'update') this.#observer.onGap();
      waiting.states = [newest];
      waiting.first = 'snapshot';
    }
  }
}

/** Events above one per topic: what the bound is on. */
function eventsOf({ states }: Waiting): number {
  return states.length - 1;
}
