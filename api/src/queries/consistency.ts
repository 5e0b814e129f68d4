import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from '@fastify/type-provider-typebox';
import { PlatformError } from '@millrace/kernel/errors';
import type { Lsn } from '@millrace/kernel/position';
import type { PositionTokens } from '@millrace/kernel/security';
import { partitionOf } from '@millrace/schemas/partition';
import { viewHolding } from '@millrace/schemas/stores';
import type { AppliedMark, ViewName } from '@millrace/schemas/stores';
import type { ViewData } from '@millrace/schemas/views';
import type { SourceObjects } from '../source/source-objects.ts';
import type { ObjectKind, ViewStore } from '../views/view-store.ts';
import type { Marks, Scope, WatermarkWaiter } from '../views/watermark-waiter.ts';

const DEFAULT_WAIT_MS = 1_000;
const MAX_WAIT_MS = 30_000;

export const QueryHeaders = Type.Object({
  'millrace-position': Type.Optional(
    Type.String({ maxLength: 200, description: 'A token: the answer shows everything up to it' }),
  ),
  'millrace-wait': Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: MAX_WAIT_MS,
      description: `Most ms to wait for it; ${DEFAULT_WAIT_MS} if absent`,
    }),
  ),
});

/** What a caller asks of the age of an answer. */
export interface Demand {
  readonly lsn: Lsn | undefined;
  readonly waitMs: number;
}

export interface FreshObject<K extends ObjectKind> {
  readonly data: ViewData[K] | null;
  readonly source: 'view' | 'postgres';
  /** What the answer is complete up to. */
  readonly lsn: Lsn;
  readonly stalenessMs: number;
}

export interface ConsistencyDependencies {
  readonly views: ViewStore;
  readonly viewWaiter: WatermarkWaiter;
  readonly source: SourceObjects;
  readonly partitions: number;
  readonly now?: () => number;
}

export function demandOf(request: FastifyRequest, tokens: PositionTokens): Demand {
  const token = request.headers['millrace-position'];
  const wait = Number(request.headers['millrace-wait'] ?? DEFAULT_WAIT_MS);
  return { lsn: typeof token === 'string' && token !== '' ? tokens.decode(token) : undefined, waitMs: wait };
}

/** Reads one object no older than demanded: from the view, after a wait from the view, else from Postgres. */
export async function readObject<K extends ObjectKind>(
  dependencies: ConsistencyDependencies,
  kind: K,
  id: string,
  demand: Demand,
): Promise<FreshObject<K>> {
  const { views, viewWaiter, source, partitions, now = Date.now } = dependencies;
  const fromView = ({ data, mark }: { data: ViewData[K] | null; mark: AppliedMark }): FreshObject<K> => ({
    data,
    source: 'view',
    lsn: mark.lsn,
    stalenessMs: stalenessMs(mark, now()),
  });
  const first = await views.entry(kind, id);
  if (demand.lsn === undefined) {
    if (first.mark === null) throw new PlatformError('view-behind', 'The view has not begun to fill.');
    return fromView({ ...first, mark: first.mark });
  }
  if (first.mark !== null && first.mark.lsn >= demand.lsn) return fromView({ ...first, mark: first.mark });
  const reached = await viewWaiter.waitFor(viewHolding(kind), partitionOf(id, partitions), demand.lsn, demand.waitMs);
  if (reached !== null) {
    const { data } = await views.entry(kind, id);
    return fromView({ data, mark: reached });
  }
  // The token's commit was over before it was given out, so this read sees it.
  return { data: await source.read(kind, id), source: 'postgres', lsn: demand.lsn, stalenessMs: 0 };
}

/**
 * The mark of a whole view that a list or search read now may claim: at or above the demand, after a wait if need be. Throws
 * `view-behind` when the wait was not enough, since lists and searches have no second source.
 */
export async function reachedMark(
  waiter: WatermarkWaiter,
  view: ViewName,
  marks: Marks,
  demand: Demand,
  scope: Scope = 'all',
): Promise<AppliedMark> {
  const mark = waiter.markIn(marks, scope);
  if (mark !== null && (demand.lsn === undefined || mark.lsn >= demand.lsn)) return mark;
  if (demand.lsn === undefined) throw new PlatformError('view-behind', 'The view has not begun to fill.');
  const reached = await waiter.waitFor(view, scope, demand.lsn, demand.waitMs);
  if (reached === null) {
    throw new PlatformError('view-behind', `The view did not reach the position within ${demand.waitMs} ms.`);
  }
  return reached;
}

/** Milliseconds since the newest commit the mark has seen; never negative. */
export function stalenessMs(mark: AppliedMark, now: number): number {
  return Math.max(0, now - mark.committedAtMs);
}

export function stateFreshness(
  reply: FastifyReply,
  tokens: PositionTokens,
  fresh: { readonly lsn: Lsn; readonly stalenessMs: number; readonly source: 'view' | 'postgres' },
): void {
  void reply
    .header('millrace-position', tokens.encode(fresh.lsn))
    .header('millrace-staleness-ms', String(Math.round(fresh.stalenessMs)))
    .header('millrace-source', fresh.source);
}
