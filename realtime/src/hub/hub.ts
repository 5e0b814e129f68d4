import type { TopicState } from '../feed/index.ts';

/** A session as the hub sees it. */
export interface Follower {
  /** Takes the state for later; does no I/O. */
  enqueue(state: TopicState): void;
  /** Sends what it holds, as far as its reader keeps up. */
  flush(): void;
}

/**
 * Who follows what. Publishing only queues; `flush` lets every session touched since the last one send once, so several updates of one turn
 * leave in one frame.
 */
export class Hub {
  readonly #followers = new Map<string, Set<Follower>>();
  readonly #touched = new Set<Follower>();
  readonly #onUnfollowed: (topic: string) => void;
  #subscriptions = 0;

  /** `onUnfollowed` hears of topics whose last follower left. */
  constructor(onUnfollowed: (topic: string) => void = () => undefined) {
    this.#onUnfollowed = onUnfollowed;
  }

  get subscriptions(): number {
    return this.#subscriptions;
  }

  get topics(): number {
    return this.#followers.size;
  }

  isFollowed(topic: string): boolean {
    return this.#followers.has(topic);
  }

  follow(topic: string, follower: Follower): void {
    let followers = this.#followers.get(topic);
    if (followers === undefined) this.#followers.set(topic, (followers = new Set()));
    if (followers.has(follower)) return;
    followers.add(follower);
    this.#subscriptions += 1;
  }

  unfollow(topic: string, follower: Follower): void {
    const followers = this.#followers.get(topic);
    if (followers?.delete(follower) !== true) return;
    this.#subscriptions -= 1;
    if (followers.size > 0) return;
    this.#followers.delete(topic);
    this.#onUnfollowed(topic);
  }

  publish(state: TopicState): void {
    const followers = this.#followers.get(state.topic);
    if (followers === undefined) return;
    for (const follower of followers) {
      follower.enqueue(state);
      this.#touched.add(follower);
    }
  }

  flush(): void {
    if (this.#touched.size === 0) return;
    const touched = [...this.#touched];
    this.#touched.clear();
    for (const follower of touched) follower.flush();
  }
}
