import { lsnText } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import type { BackgroundWork, KeyedStore } from '../runtime/index.ts';
import { BUCKETS } from './buckets.ts';

/** A change on the far side whose aggregates are still being emitted again, and how far it is. State: it survives a restart. */
export interface Sweep {
  /** What the aggregates have in common: `<scope>/<id>`. */
  readonly scopes: readonly string[];
  /** The next bucket to be looked at; those before it are done. */
  readonly next: number;
  /** Aggregates emitted again so far, and how many there were when it began. */
  readonly done: number;
  readonly total: number;
  /** Position and commit time (µs) of the change, the position as text. */
  readonly since: string;
  readonly sinceUs: number;
  /** Stream time (µs) of the last part. */
  readonly ranUs: number;
}

export interface SweepLimits {
  /** A change that concerns no more aggregates than this is brought to them at its own commit. */
  readonly atOnce: number;
  /** Aggregates per ms of stream time, and most in one step. */
  readonly perMs: number;
  readonly perStep: number;
  /** Least stream time between two parts, ms. */
  readonly everyMs: number;
}

/**
 * An aggregate takes 50 to 100 µs to be emitted, so this is a quarter to a half of a core: in steps of some 10 ms beside live changes, which go on between
 * them, and of some 100 ms at most where the source is idle and only a watermark comes by now and then.
 */
export const sweepLimits: SweepLimits = { atOnce: 1000, perMs: 4, perStep: 1000, everyMs: 20 };

/** Aggregates that can be looked at in the time that one takes to be emitted. */
const LOOKS_PER_EMISSION = 10;

/** The timer that drives a task's sweeps; no aggregate has this id. */
export const SWEEP_TIMER = 'sweep';

interface SweepContext {
  readonly stores: { readonly sweeps: KeyedStore<Sweep> };
  readonly lsn: Lsn;
  readonly tsUs: number;
  readonly streamTimeUs: number;
  touch(aggregateId: string): void;
  setTimer(key: string, dueUs: number): void;
}

/** What a processor says of its aggregates. */
export interface Swept<C extends SweepContext> {
  /** Ids in one bucket. */
  inBucket(context: C, bucket: string): Iterable<string>;
  /** Whether an aggregate has one of the scopes, as of now. */
  isIn(context: C, id: string, scopes: ReadonlySet<string>): boolean;
}

/**
 * Brings a change on the far side to the aggregates it concerns: at once where they are few, else in the background, in parts over the
 * following steps, so that other changes do not wait. An aggregate that changes by itself meanwhile is emitted as of then, with the change.
 * A sweep of the same cause begins again, with the scopes of both.
 *
 * What runs when depends on positions and stream time alone, so a replay takes the same parts.
 */
export function reach(
  context: SweepContext,
  cause: string,
  scopes: readonly string[],
  ids: ReadonlySet<string>,
  limits: SweepLimits = sweepLimits,
): void {
  const known = context.stores.sweeps.get(cause);
  if (known === undefined && ids.size <= limits.atOnce) {
    for (const id of ids) context.touch(id);
    return;
  }
  context.stores.sweeps.set(cause, {
    scopes: [...new Set([...(known?.scopes ?? []), ...scopes])].sort(),
    next: 0,
    done: 0,
    total: Math.max(ids.size, (known?.total ?? 0) - (known?.done ?? 0)),
    since: lsnText(context.lsn),
    sinceUs: context.tsUs,
    ranUs: context.streamTimeUs,
  });
  context.setTimer(SWEEP_TIMER, context.streamTimeUs + limits.everyMs * 1000);
}

/** The next part of the oldest sweep: call it from `onTimer` with `SWEEP_TIMER`. */
export function sweepOn<C extends SweepContext>(context: C, swept: Swept<C>, limits: SweepLimits = sweepLimits): void {
  const { sweeps } = context.stores;
  const oldest = oldestOf(sweeps);
  if (oldest === null) return;
  const { cause, sweep } = oldest;
  const elapsedMs = (context.streamTimeUs - sweep.ranUs) / 1000;
  const budget = Math.min(limits.perStep, Math.max(1, Math.floor(elapsedMs * limits.perMs)));
  const scopes = new Set(sweep.scopes);
  let { next } = sweep;
  let found = 0;
  let looked = 0;
  for (; next < BUCKETS && found + looked / LOOKS_PER_EMISSION < budget; next++) {
    for (const id of swept.inBucket(context, String(next))) {
      looked++;
      if (!swept.isIn(context, id, scopes)) continue;
      context.touch(id);
      found++;
    }
  }
  // A whole bucket may be more than was due: the next part comes that much later.
  const paidUs = Math.ceil(((found + looked / LOOKS_PER_EMISSION) / limits.perMs) * 1000);
  if (next === BUCKETS) sweeps.delete(cause);
  else sweeps.set(cause, { ...sweep, next, done: sweep.done + found, ranUs: context.streamTimeUs });
  const following = oldestOf(sweeps);
  if (following === null) return;
  // One that waited for its turn has saved up nothing.
  if (following.cause !== cause) sweeps.set(following.cause, { ...following.sweep, ranUs: context.streamTimeUs });
  context.setTimer(SWEEP_TIMER, context.streamTimeUs + Math.max(limits.everyMs * 1000, paidUs));
}

/** The sweeps that go on, for `background` of a processor. */
export function sweepsIn({ sweeps }: SweepContext['stores']): BackgroundWork[] {
  return [...sweeps.keys()].sort().flatMap((cause) => {
    const sweep = sweeps.get(cause);
    return sweep === undefined ? [] : [{ cause, since: sweep.since, done: sweep.done, total: sweep.total }];
  });
}

function oldestOf(sweeps: KeyedStore<Sweep>): { cause: string; sweep: Sweep } | null {
  let oldest: { cause: string; sweep: Sweep } | null = null;
  for (const cause of sweeps.keys()) {
    const sweep = sweeps.get(cause);
    if (sweep === undefined) continue;
    const isOlder =
      oldest === null ||
      sweep.since < oldest.sweep.since ||
      (sweep.since === oldest.sweep.since && cause < oldest.cause);
    if (isOlder) oldest = { cause, sweep };
  }
  return oldest;
}
