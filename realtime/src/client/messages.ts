/** What the gateway sends, as a client program sees it. Nothing here needs Node: the folder runs in a browser as it is. */
export interface StateEvent<T = unknown> {
  readonly type: 'snapshot' | 'update';
  readonly topic: string;
  /** 20 digits: text order is their order. Per topic they only grow. */
  readonly position: string;
  /** ISO 8601 UTC. */
  readonly committedAt: string;
  /** Null where there is no such thing, or it was deleted. */
  readonly data: T | null;
}

/** States between `from` and `to` were missed; the newest follows. */
export interface GapEvent {
  readonly type: 'gap';
  readonly topic: string;
  readonly from: string;
  readonly to: string;
}

/** The gateway refused this topic. It is not asked for again until `subscribe` is called anew or the token changes. */
export interface RefusedEvent {
  readonly type: 'error';
  readonly topic: string;
  readonly code: string;
  readonly message: string;
}

export type TopicEvent<T = unknown> = StateEvent<T> | GapEvent | RefusedEvent;

export type ServerMessage =
  | TopicEvent
  | { readonly type: 'subscribed'; readonly id?: string; readonly topics: readonly string[] }
  | {
      readonly type: 'error';
      readonly id?: string;
      readonly topic?: undefined;
      readonly code: string;
      readonly message: string;
    }
  | { readonly type: 'drain'; readonly reconnectWithinMs: number }
  | { readonly type: 'pong'; readonly id?: string };

/** One message, or the array of them, of a text frame. */
export function readFrame(text: string): readonly ServerMessage[] {
  const value = JSON.parse(text) as ServerMessage | ServerMessage[];
  return Array.isArray(value) ? value : [value];
}
