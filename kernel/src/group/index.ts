/** A member of a group as the one that assigns sees it: what it said of itself when it joined. */
export interface GroupMember {
  readonly id: string;
  readonly metadata: string;
}

/**
 * Processes that share work, and learn who does what. One of them, whichever the group picks, assigns for all.
 *
 * Guarantees: within one generation every member gets its part of one and the same assignment. A member that ends, or is silent for the session timeout,
 * is left out of the next generation. No guarantee that two members never think they have the same work: one that was suspended may still hold its part of an
 * older generation, and one that cannot reach the group keeps its part meanwhile. Whoever does the work must be fenced by other means.
 */
export interface GroupOptions {
  readonly group: string;
  /** Asked for at each joining. */
  readonly metadata: () => string;
  /** From the members, ordered by id, to a text for each. Called in one of them. */
  readonly assign: (members: readonly GroupMember[]) => ReadonlyMap<string, string>;
  /** This member's part. Called at each generation, also when nothing changed for it. */
  readonly assigned: (assignment: string) => void;
  readonly sessionTimeoutMs: number;
}

export interface Group {
  /** Takes part until the signal aborts, then leaves, so that others need not wait for the session timeout. Joins again whatever happens in between. */
  run(signal: AbortSignal): Promise<void>;
  /** What `metadata` says has changed: the group gathers anew. Before `run`, and while it joins, it is told then anyway. */
  rejoin(): void;
}
