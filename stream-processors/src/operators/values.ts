import { PlatformError } from '@millrace/kernel/errors';
import { keyedStore } from '../runtime/processor.ts';
import { Group } from './group.ts';
import { KeyJoin, ReferenceJoin, referenceIndex } from './joins.ts';
import type { Combine } from './joins.ts';
import { Measured } from './measured.ts';
import type { Measures } from './measured.ts';
import type { Node, Running } from './node.ts';
import type { Plan } from './plan.ts';
import { plainStore } from './plan.ts';
import { During, Insertions, Mapped } from './reshape.ts';
import type { Validity } from './reshape.ts';
import type { Windowing } from './window-spans.ts';
import { Windows, windowIndexes } from './windows.ts';
import type { InWindow, Late, WindowSpec } from './windows.ts';

type GroupOf<T> = (value: T, key: string) => string | null;
type Make<T, U> = (value: T, key: string) => U | null;

/** What collections and streams have in common. Functions given to operators are pure: they are called again for a value that was there. */
abstract class Values<T, O> {
  protected readonly plan: Plan;
  protected readonly node: Node<T>;

  constructor(plan: Plan, node: Node<T>) {
    this.plan = plan;
    this.node = node;
  }

  /** Gathers values under another key of the same task; null: in no group. */
  groupBy(groupOf: GroupOf<T>): Grouped<T, O> {
    return new Grouped(this.plan, this.node, groupOf);
  }

  /**
   * Into the processor's view: an entry per key, once per commit, as of that commit, deleted when the value goes. What windows and streams say
   * stays after they forget it.
   */
  toView<K extends keyof O & string>(kind: K, make: (value: T, key: string) => O[K]): void {
    this.plan.sinks.push({
      node: this.node,
      kind,
      make: make as (value: unknown, key: string) => unknown,
    });
  }

  protected mapped<U>(label: string, make: Make<T, U>): Node<U> {
    const { insertOnly, lasting } = this.node;
    return this.plan.add<U>({
      label,
      from: [this.node as Node<never>],
      insertOnly,
      lasting,
      start: (place, [from]) => new Mapped(place, running<T>(from), make),
    });
  }
}

/** Values by key that change and go. Whatever is made of them follows: nothing made of an earlier value stays. */
export class Collection<T, O> extends Values<T, O> {
  /** Null: not in the result. */
  map<U>(make: Make<T, U>): Collection<U, O> {
    return new Collection(this.plan, this.mapped('map', make));
  }

  filter(where: (value: T, key: string) => boolean): Collection<T, O> {
    return new Collection(
      this.plan,
      this.mapped('filter', (value, key) => (where(value, key) ? value : null)),
    );
  }

  /** With the other's value under the same key; nothing where either is missing. */
  join<R, U>(other: Collection<R, O>, combine: (left: T, right: R, key: string) => U): Collection<U, O> {
    return this.#keyJoin('join', other, (left, right, key) =>
      left === undefined || right === undefined ? undefined : combine(left, right, key),
    );
  }

  leftJoin<R, U>(
    other: Collection<R, O>,
    combine: (left: T, right: R | undefined, key: string) => U,
  ): Collection<U, O> {
    return this.#keyJoin('left join', other, (left, right, key) =>
      left === undefined ? undefined : combine(left, right, key),
    );
  }

  /** With whichever of both is there. */
  fullJoin<R, U>(
    other: Collection<R, O>,
    combine: (left: T | undefined, right: R | undefined, key: string) => U,
  ): Collection<U, O> {
    return this.#keyJoin('full join', other, (left, right, key) =>
      left === undefined && right === undefined ? undefined : combine(left, right, key),
    );
  }

  /** With the value that this one refers to (null: to none). When that one changes, every value that refers to it is made again. */
  joinOn<R, U>(
    other: Collection<R, O>,
    reference: GroupOf<T>,
    combine: (left: T, right: R, key: string) => U,
  ): Collection<U, O> {
    return this.#referenceJoin('join on reference', other, reference, (left, right, key) =>
      left === undefined || right === undefined ? undefined : combine(left, right, key),
    );
  }

  leftJoinOn<R, U>(
    other: Collection<R, O>,
    reference: GroupOf<T>,
    combine: (left: T, right: R | undefined, key: string) => U,
  ): Collection<U, O> {
    return this.#referenceJoin('left join on reference', other, reference, (left, right, key) =>
      left === undefined ? undefined : combine(left, right, key),
    );
  }

  /** The values whose time it is: each is there while stream time is within its validity, and comes and goes without any row changing. */
  during(validity: (value: T) => Validity): Collection<T, O> {
    const node: Node<T> = this.plan.add<T>({
      label: 'during',
      from: [this.node as Node<never>],
      lasting: this.node.lasting,
      stores: { present: plainStore },
      start: (place, [from], stores) => new During(place, node.id, stores('present'), running<T>(from), validity),
    });
    return new Collection(this.plan, node);
  }

  /** The first value of each key, once; a key that went and comes again counts again. */
  insertions(): Stream<T, O> {
    const node = this.plan.add<T>({
      label: 'insertions',
      from: [this.node as Node<never>],
      insertOnly: true,
      start: (place, [from]) => new Insertions(place, running<T>(from)),
    });
    return new Stream(this.plan, node);
  }

  #keyJoin<R, U>(label: string, other: Collection<R, O>, combine: Combine<T, R, U>): Collection<U, O> {
    const node = this.plan.add<U>({
      label,
      from: [this.node as Node<never>, other.node as Node<never>],
      lasting: this.node.lasting && other.node.lasting,
      start: (place, [left, right]) => new KeyJoin(place, running<T>(left), running<R>(right), combine),
    });
    return new Collection(this.plan, node);
  }

  #referenceJoin<R, U>(
    label: string,
    other: Collection<R, O>,
    reference: GroupOf<T>,
    combine: Combine<T, R, U>,
  ): Collection<U, O> {
    const node = this.plan.add<U>({
      label,
      from: [this.node as Node<never>, other.node as Node<never>],
      lasting: this.node.lasting && other.node.lasting,
      stores: { references: keyedStore(referenceIndex) },
      start: (place, [left, right], stores) => {
        const sides = { left: running<T>(left), right: running<R>(right) };
        return new ReferenceJoin(place, stores('references'), sides, reference, combine);
      },
    });
    return new Collection(this.plan, node);
  }
}

/** Facts: values that are only ever added. */
export class Stream<T, O> extends Values<T, O> {
  map<U>(make: Make<T, U>): Stream<U, O> {
    return new Stream(this.plan, this.mapped('map', make));
  }

  filter(where: (value: T, key: string) => boolean): Stream<T, O> {
    return new Stream(
      this.plan,
      this.mapped('filter', (value, key) => (where(value, key) ? value : null)),
    );
  }
}

export interface GroupOptions {
  /** A group's state goes when stream time is this far past its last value; its entries stay, and a later value begins anew. Default: never. */
  readonly forgetAfterUs?: number;
}

export interface WindowOptions<T> {
  /** The value's own time, µs since 1970. */
  readonly at: (value: T) => number;
  /** How long after its end a window still takes values, µs of stream time (0). */
  readonly graceUs?: number;
}

export interface Windowed<T, R, O> {
  /** Results as they are, by `<group>@<start>`, while their windows are open. */
  readonly results: Collection<InWindow<R>, O>;
  /** Each result once, when its window closes. */
  readonly closed: Stream<InWindow<R>, O>;
  /** What came after its window had closed: in no result, and counted. */
  readonly late: Stream<Late<T>, O>;
}

/** Values under another key, to be measured. */
export class Grouped<T, O> {
  readonly #plan: Plan;
  readonly #node: Node<T>;
  readonly #groupOf: GroupOf<T>;

  constructor(plan: Plan, node: Node<T>, groupOf: GroupOf<T>) {
    this.#plan = plan;
    this.#node = node;
    this.#groupOf = groupOf;
  }

  /** The group's measures, by group, while it has values. */
  measure<R>(measures: Measures<T, R>, { forgetAfterUs }: GroupOptions = {}): Collection<R, O> {
    const { insertOnly } = this.#node;
    if (forgetAfterUs !== undefined && !insertOnly) {
      throw new PlatformError('config-invalid', 'a group of values that may change cannot be forgotten: use a stream');
    }
    const measured = new Measured(measures, insertOnly);
    const groupOf = this.#groupOf;
    const node: Node<R> = this.#plan.add<R>({
      label: `measure ${Object.keys(measures).join(', ')}`,
      from: [this.#node as Node<never>],
      lasting: forgetAfterUs === undefined,
      stores: { groups: plainStore },
      start: (place, [from], stores) =>
        new Group(place, stores('groups'), running<T>(from), { node: node.id, groupOf, forgetAfterUs }, measured),
    });
    return new Collection(this.#plan, node);
  }

  /** The group's measures per window of event time. */
  measureIn<R>(windowing: Windowing, options: WindowOptions<T>, measures: Measures<T, R>): Windowed<T, R, O> {
    const { insertOnly } = this.#node;
    if (windowing.kind === 'session' && !insertOnly) {
      throw new PlatformError('config-invalid', 'a value that goes could split a session: take the insertions()');
    }
    const measured = new Measured(measures, insertOnly);
    const { at, graceUs = 0 } = options;
    const node: Node<InWindow<R>> = this.#plan.add<InWindow<R>>({
      label: `${windowing.kind} window: ${Object.keys(measures).join(', ')}`,
      from: [this.#node as Node<never>],
      lasting: false,
      stores: { windows: keyedStore(windowIndexes), late: plainStore },
      start: (place, [from], stores) => {
        const spec: WindowSpec<T> = { node: node.id, windowing, at, graceUs, groupOf: this.#groupOf };
        const named = { windows: stores('windows'), late: stores('late') };
        return new Windows(place, named, running<T>(from), spec, measured);
      },
    });
    return {
      results: new Collection(this.#plan, node),
      closed: new Stream(
        this.#plan,
        this.#side(node, 'closed', ({ closed }) => closed),
      ),
      late: new Stream(
        this.#plan,
        this.#side(node, 'late', ({ late }) => late),
      ),
    };
  }

  #side<R, U>(node: Node<InWindow<R>>, label: string, of: (windows: Windows<T, R>) => Running<U>): Node<U> {
    return this.#plan.add<U>({
      label,
      from: [node as Node<never>],
      insertOnly: true,
      start: (_, [from]) => of(from as unknown as Windows<T, R>),
    });
  }
}

function running<T>(from: Running<never> | undefined): Running<T> {
  if (from === undefined) throw new PlatformError('internal', 'an operator was placed before what it follows');
  return from;
}
