import { PlatformError } from '@millrace/kernel/errors';
import { inOrder, same } from './same.ts';

/**
 * How a group's values become one. `A` is kept as state: JSON-safe, replaced and never changed in place. The result depends on which values
 * there are, never on the order in which they came.
 */
export interface Fold<T, A, R> {
  readonly start: A;
  add(held: A, value: T, key: string): A;
  /** Takes back what `add` added. Never called where values are only ever added. */
  remove(held: A, value: T, key: string): A;
  /** Of two groups that became one; never called where something was removed. */
  merge(one: A, other: A): A;
  result(held: A): R;
}

/** A measure of a group, made for a source whose values are only ever added (it may then keep less) or for any other. */
export type Measure<T, R> = (insertOnly: boolean) => Fold<T, unknown, R>;

/** A measure from its fold: for one of your own. */
export function measure<T, A, R>(fold: (insertOnly: boolean) => Fold<T, A, R>): Measure<T, R> {
  return fold;
}

/** How many values there are; with a condition, how many meet it. */
export function count<T>(where: (value: T) => boolean = () => true): Measure<T, number> {
  return sum((value) => (where(value) ? 1 : 0));
}

/** Exact: of whole numbers, such as hundredths. A number that is not whole, or a sum too large to be exact, is refused. */
export function sum<T>(of: (value: T) => number): Measure<T, number> {
  return measure(() => ({
    start: 0,
    add: (held, value) => exact(held + exact(of(value))),
    remove: (held, value) => exact(held - exact(of(value))),
    merge: (one, other) => exact(one + other),
    result: (held) => held,
  }));
}

/** Of whole numbers; null where there is no value. The sum is exact, the quotient a double. */
export function average<T>(of: (value: T) => number): Measure<T, number | null> {
  return measure<T, readonly [sum: number, count: number], number | null>(() => ({
    start: [0, 0],
    add: ([total, n], value) => [exact(total + exact(of(value))), n + 1],
    remove: ([total, n], value) => [exact(total - exact(of(value))), n - 1],
    merge: (one, other) => [exact(one[0] + other[0]), one[1] + other[1]],
    result: ([total, n]) => (n === 0 ? null : total / n),
  }));
}

export function lowest<T>(of: (value: T) => number): Measure<T, number | null> {
  return extreme(of, 1);
}

export function highest<T>(of: (value: T) => number): Measure<T, number | null> {
  return extreme(of, -1);
}

/** Each number with how many values have it, best first; where nothing is taken back, the best alone. */
type Numbers = readonly (readonly [number: number, count: number])[];

function extreme<T>(of: (value: T) => number, direction: 1 | -1): Measure<T, number | null> {
  const with_ = (held: Numbers, number: number, by: number, insertOnly: boolean): Numbers => {
    const [best] = held;
    if (insertOnly && best !== undefined && (number - best[0]) * direction >= 0) return held;
    if (insertOnly) return [[number, 1]];
    const at = position(held.length, (i) => ((held[i]?.[0] ?? 0) - number) * direction >= 0);
    const found = held[at];
    if (found?.[0] !== number) return [...held.slice(0, at), [number, by], ...held.slice(at)];
    return found[1] + by === 0 ? held.toSpliced(at, 1) : held.with(at, [number, found[1] + by]);
  };
  return measure<T, Numbers, number | null>((insertOnly) => ({
    start: [],
    add: (held, value) => with_(held, of(value), 1, insertOnly),
    remove: (held, value) => with_(held, of(value), -1, false),
    merge: (one, other) => other.reduce<Numbers>((all, [number, n]) => with_(all, number, n, insertOnly), one),
    result: (held) => held[0]?.[0] ?? null,
  }));
}

type Member<T> = readonly [key: string, value: T];

/**
 * The best `n` values by `compare` (negative: the first is better), ties by key. Where values change or go, all of the group's are kept; else
 * the best `n`.
 */
export function top<T>(n: number, compare: (a: T, b: T) => number): Measure<T, readonly T[]> {
  const order = (a: Member<T>, b: Member<T>): number => compare(a[1], b[1]) || inOrder(a[0], b[0]);
  const insert = (held: readonly Member<T>[], member: Member<T>, insertOnly: boolean): readonly Member<T>[] => {
    const at = position(held.length, (i) => order(held[i] ?? member, member) >= 0);
    if (insertOnly && at >= n) return held;
    const all = [...held.slice(0, at), member, ...held.slice(at)];
    return insertOnly ? all.slice(0, n) : all;
  };
  return measure<T, readonly Member<T>[], readonly T[]>((insertOnly) => ({
    start: [],
    add: (held, value, key) => insert(held, [key, value], insertOnly),
    remove: (held, value, key) => {
      const at = held.findIndex((member) => member[0] === key && same(member[1], value));
      return at === -1 ? held : held.toSpliced(at, 1);
    },
    merge: (one, other) => other.reduce((all, member) => insert(all, member, insertOnly), one),
    result: (held) => held.slice(0, n).map(([, value]) => value),
  }));
}

/** The best value by `compare`, ties by key; null where there is none. */
export function first<T>(compare: (a: T, b: T) => number): Measure<T, T | null> {
  const best = top(1, compare);
  return (insertOnly) => {
    const fold = best(insertOnly);
    return { ...fold, result: (held) => fold.result(held)[0] ?? null };
  };
}

/** The different texts among the values, in order. */
export function distinct<T>(of: (value: T) => string): Measure<T, readonly string[]> {
  type Texts = Readonly<Record<string, number>>;
  const by = (held: Texts, text: string, n: number): Texts => {
    const { [text]: present = 0, ...others } = held;
    return present + n === 0 ? others : { ...held, [text]: present + n };
  };
  return measure<T, Texts, readonly string[]>(() => ({
    start: {},
    add: (held, value) => by(held, of(value), 1),
    remove: (held, value) => by(held, of(value), -1),
    merge: (one, other) => Object.entries(other).reduce((all, [text, n]) => by(all, text, n), one),
    result: (held) => Object.keys(held).sort(inOrder),
  }));
}

/** The first place at which `isAt` holds; it holds everywhere after. */
function position(length: number, isAt: (at: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isAt(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function exact(value: number): number {
  if (!Number.isSafeInteger(value)) {
    throw new PlatformError(
      'record-malformed',
      'a measure takes whole numbers that are safe to add, such as hundredths',
    );
  }
  return value;
}
