import type { KeyedStore } from '../runtime/processor.ts';
import type { GroupState, Measured } from './measured.ts';
import { Running } from './node.ts';
import type { Place, Waiting } from './place.ts';

export interface GroupSpec<T> {
  readonly node: number;
  readonly groupOf: (value: T, key: string) => string | null;
  /** A group is forgotten this long after its last value, µs of stream time: without a word, and a later value begins anew. */
  readonly forgetAfterUs?: number | undefined;
}

interface Changed {
  readonly before: GroupState | undefined;
  now: GroupState;
}

/**
 * Values gathered under another key and measured. A value that changes or goes takes back what it had added. A group without values is not
 * there. However many of its values one row changed, a group is told once.
 */
export class Group<T, R> extends Running<R> implements Waiting {
  readonly #spec: GroupSpec<T>;
  readonly #measured: Measured<T, R>;
  readonly #groups: KeyedStore<GroupState>;
  readonly #changed = new Map<string, Changed>();
  readonly #call: () => void;

  constructor(place: Place, store: string, from: Running<T>, spec: GroupSpec<T>, measured: Measured<T, R>) {
    super(place);
    this.#spec = spec;
    this.#measured = measured;
    this.#groups = place.store<GroupState>(store);
    this.#call = place.waits(this);
    if (spec.forgetAfterUs !== undefined) {
      place.onTimer(spec.node, (group) => {
        this.#groups.delete(group);
        this.passForget(group);
      });
    }
    from.listen({
      take: (key, before, after) => {
        if (before !== undefined) this.#move(before, key, (state) => measured.remove(state, before, key));
        if (after !== undefined) this.#move(after, key, (state) => measured.add(state, after, key));
      },
      forget: () => undefined,
    });
  }

  get(group: string): R | undefined {
    return this.#result(this.#groups.get(group));
  }

  flush(): void {
    for (const [group, { before, now }] of this.#changed) {
      const after = now.n === 0 ? undefined : now;
      if (after === undefined) this.#groups.delete(group);
      else this.#groups.set(group, after);
      this.#schedule(group, after !== undefined);
      this.pass(group, this.#result(before), this.#result(after));
    }
    this.discard();
  }

  discard(): void {
    this.#changed.clear();
  }

  #move(value: T, key: string, move: (state: GroupState) => GroupState): void {
    const group = this.#spec.groupOf(value, key);
    if (group === null) return;
    const changed = this.#changed.get(group);
    if (changed !== undefined) {
      changed.now = move(changed.now);
      return;
    }
    const before = this.#groups.get(group);
    this.#changed.set(group, { before, now: move(before ?? this.#measured.empty) });
    this.#call();
  }

  #schedule(group: string, isThere: boolean): void {
    const { node, forgetAfterUs } = this.#spec;
    if (forgetAfterUs === undefined) return;
    const { ctx } = this.place;
    if (isThere) ctx.setTimer(`${node}/${group}`, ctx.streamTimeUs + forgetAfterUs);
    else ctx.clearTimer(`${node}/${group}`);
  }

  #result(state: GroupState | undefined): R | undefined {
    return state === undefined ? undefined : this.#measured.result(state);
  }
}
