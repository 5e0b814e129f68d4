import type { AppliedPosition } from '@millrace/kernel/position';
import type { ViewEntry } from '@millrace/schemas/views';
import { isPublic } from '../protocol/index.ts';
import type { TopicKind } from '../protocol/index.ts';
import { ownerOf, stateOf } from './topic-state.ts';
import type { TopicOwner, TopicState } from './topic-state.ts';

interface Stored {
  lsn: bigint;
  tsUs: number;
  /** The value's bytes, one character each: compact, and a leaf for the collector. Null where the entry is deleted. */
  bytes: string | null;
  /** Built state, kept while somebody follows the topic. */
  hot: TopicState | null;
  /** Of a deleted order or cart only. */
  lastOwner: TopicOwner | null;
}

export interface Applied {
  /** Null where nobody follows the topic. */
  readonly state: TopicState | null;
}

/**
 * The newest entry of every key, held as the bytes that came (an order takes some 0.5 KB instead of 1.3 KB as JSON), decoded when somebody
 * asks. Guarantee: a key's position only grows; an entry at or below the one held changes nothing.
 */
export class ViewStore {
  readonly #entries = new Map<string, Stored>();
  readonly #decode: (topic: string, bytes: Buffer) => ViewEntry | null;

  /** `decode` reads bytes that were decoded before, so it does not fail. */
  constructor(decode: (topic: string, bytes: Buffer) => ViewEntry | null) {
    this.#decode = decode;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Null when the entry is not newer than what is held (a duplicate, or an older one). */
  apply(kind: TopicKind, entry: ViewEntry, value: Buffer | null, followed: boolean): Applied | null {
    const topic = `${kind}:${entry.id}`;
    const held = this.#entries.get(topic);
    if (held !== undefined && entry.lsn <= held.lsn) return null;
    const deleted = entry.data === null;
    const lastOwner = deleted && held !== undefined ? this.#ownerOf(topic, held) : null;
    const state = followed ? stateOf(entry, kind, lastOwner) : null;
    const bytes = deleted || value === null ? null : value.toString('latin1');
    this.#entries.set(topic, { lsn: entry.lsn, tsUs: entry.tsUs, bytes, hot: state, lastOwner });
    return { state };
  }

  /** Null where there has been no entry of that key. */
  get(kind: TopicKind, id: string): TopicState | null {
    const topic = `${kind}:${id}`;
    const held = this.#entries.get(topic);
    if (held === undefined) return null;
    if (held.hot !== null) return held.hot;
    const { lsn, tsUs, bytes, lastOwner } = held;
    const read = bytes === null ? null : this.#decode(topic, Buffer.from(bytes, 'latin1'));
    // What came from another log is as of the switch, see `replaceAll`.
    held.hot = stateOf({ kind, id, lsn, tsUs, data: read?.data ?? null }, kind, lastOwner);
    return held.hot;
  }

  /**
   * Puts what another store has of a kind in the place of what this one has, and answers the states that followers are to be told.
   *
   * Two logs of a view may say the same with other positions, and other things with the same: what differs is held as of `appliedTo`, which no
   * earlier position of the key is above. So positions only grow here too, and a client that resumes from before gets what is now.
   */
  replaceAll(
    kind: TopicKind,
    from: ViewStore,
    appliedTo: (id: string) => AppliedPosition,
    isFollowed: (topic: string) => boolean,
  ): TopicState[] {
    const told: TopicState[] = [];
    const put = (topic: string, bytes: string | null): void => {
      const held = this.#entries.get(topic);
      if ((held?.bytes ?? null) === bytes) return;
      const followed = isFollowed(topic);
      if (followed && held !== undefined && this.#says(topic, held.bytes) === this.#says(topic, bytes)) return;
      const id = topic.slice(kind.length + 1);
      const lastOwner = bytes === null && held !== undefined ? this.#ownerOf(topic, held) : null;
      this.#entries.set(topic, { ...appliedTo(id), bytes, hot: null, lastOwner });
      const state = followed ? this.get(kind, id) : null;
      if (state !== null) told.push(state);
    };
    for (const [topic, { bytes }] of from.#entries) if (topic.startsWith(`${kind}:`)) put(topic, bytes);
    for (const topic of this.#entries.keys()) {
      if (topic.startsWith(`${kind}:`) && !from.#entries.has(topic)) put(topic, null);
    }
    return told;
  }

  /** Forgets what was built for followers; the entry stays. */
  release(topic: string): void {
    const held = this.#entries.get(topic);
    if (held !== undefined) held.hot = null;
  }

  /** Whether the key is held and not deleted. */
  isLive(topic: string): boolean {
    return typeof this.#entries.get(topic)?.bytes === 'string';
  }

  #says(topic: string, bytes: string | null): string {
    const entry = bytes === null ? null : this.#decode(topic, Buffer.from(bytes, 'latin1'));
    return JSON.stringify(entry?.data ?? null);
  }

  #ownerOf(topic: string, held: Stored): TopicOwner | null {
    if (held.hot !== null) return held.hot.owner;
    const kind = topic.slice(0, topic.indexOf(':')) as TopicKind;
    if (held.bytes === null || isPublic(kind)) return held.lastOwner;
    const entry = this.#decode(topic, Buffer.from(held.bytes, 'latin1'));
    return entry === null ? null : ownerOf(entry);
  }
}
