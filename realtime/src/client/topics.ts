import type { GapEvent, RefusedEvent, StateEvent, TopicEvent } from './messages.ts';

export type TopicHandler = (event: TopicEvent) => void;

interface Followed {
  readonly handlers: Set<TopicHandler>;
  last: StateEvent | null;
  refused: boolean;
}

/** What a client follows, and how far it has got: survives every connection. */
export class FollowedTopics {
  readonly #topics = new Map<string, Followed>();

  /** Adds a handler; answers whether the topic is new here. A handler that comes later gets the state held so far. */
  add(topic: string, handler: TopicHandler): boolean {
    const known = this.#topics.get(topic);
    if (known === undefined) {
      this.#topics.set(topic, { handlers: new Set([handler]), last: null, refused: false });
      return true;
    }
    known.handlers.add(handler);
    const { last, refused } = known;
    if (last !== null) handler({ ...last, type: 'snapshot' });
    known.refused = false;
    return refused;
  }

  /** Removes a handler; answers whether it was the topic's last. */
  remove(topic: string, handler: TopicHandler): boolean {
    const known = this.#topics.get(topic);
    if (known?.handlers.delete(handler) !== true || known.handlers.size > 0) return false;
    return this.#topics.delete(topic);
  }

  /** Topics to ask for on a new connection. */
  wanted(): string[] {
    return [...this.#topics].filter(([, { refused }]) => !refused).map(([topic]) => topic);
  }

  resume(topics: readonly string[]): Record<string, string> {
    const entries = topics.flatMap((topic) => {
      const position = this.#topics.get(topic)?.last?.position;
      return position === undefined ? [] : [[topic, position] as const];
    });
    return Object.fromEntries(entries);
  }

  /** A new token may open what was refused. */
  forgive(): void {
    for (const followed of this.#topics.values()) followed.refused = false;
  }

  /** Hands a state on, unless it is not newer than what the handlers have. */
  state(event: StateEvent): void {
    const followed = this.#topics.get(event.topic);
    if (followed === undefined || event.position <= (followed.last?.position ?? '')) return;
    followed.last = event;
    for (const handler of [...followed.handlers]) handler(event);
  }

  gap(event: GapEvent): void {
    for (const handler of [...(this.#topics.get(event.topic)?.handlers ?? [])]) handler(event);
  }

  refuse(event: RefusedEvent): void {
    const followed = this.#topics.get(event.topic);
    if (followed === undefined) return;
    followed.refused = true;
    for (const handler of [...followed.handlers]) handler(event);
  }
}
