import type { TopicKind } from '../protocol/index.ts';
import type { ViewPartition } from './view-partition.ts';
import type { ViewStore } from './view-store.ts';

/**
 * Another log of a view, read beside the one that is served until it has all of what was served; then it takes its place. Nothing of it is
 * told before.
 */
export class NextLog {
  readonly topic: string;
  readonly partitions: readonly ViewPartition[];
  readonly #store: ViewStore;

  constructor(topic: string, partitions: readonly ViewPartition[], store: ViewStore) {
    this.topic = topic;
    this.partitions = partitions;
    this.#store = store;
  }

  /** It has what was in its log when it was opened, and everything up to the positions that are served. */
  hasReached(served: readonly ViewPartition[]): boolean {
    return this.partitions.every((next) => {
      const now = served.find(({ partition }) => partition === next.partition);
      return next.isSettled && next.caughtUp && next.applied.lsn >= (now?.applied.lsn ?? 0n);
    });
  }

  /** What it holds goes in the place of what `into` has of the kind. `at`: the partition of an id. */
  replace(into: ViewStore, kind: TopicKind, at: (id: string) => ViewPartition | undefined, followed: Followed): void {
    const appliedTo = (id: string): ViewPartition['applied'] => at(id)?.applied ?? { lsn: 0n, tsUs: 0 };
    for (const state of into.replaceAll(kind, this.#store, appliedTo, followed.isFollowed)) followed.publish(state);
  }
}

interface Followed {
  readonly isFollowed: (topic: string) => boolean;
  readonly publish: (state: ReturnType<ViewStore['replaceAll']>[number]) => void;
}
