import type { Lsn } from '@millrace/kernel/position';
import type { ViewEntry } from './shapes.ts';

/** Which entries of a view's log a replay is of: what every part says. */
export interface ReplayScope {
  /** Commits from here on; null: all that the log holds. */
  readonly fromLsn: Lsn | null;
  /** Commits from this time on, ms since 1970. */
  readonly sinceMs: number | null;
  /** Ids, as of products or orders; null for all. What belongs to one (`<id>/…`) is its too. */
  readonly aggregates: ReadonlySet<string> | null;
  /** Deletes do not say whose they were: they are in it whatever this is. */
  readonly tenant: string | null;
}

/** Whether the entry is meant. What is previewed and what is replayed is the same by this. */
export function isInScope({ fromLsn, sinceMs, aggregates, tenant }: ReplayScope, entry: ViewEntry): boolean {
  const { id, lsn, tsUs, data } = entry;
  if (fromLsn !== null && lsn < fromLsn) return false;
  if (sinceMs !== null && tsUs < sinceMs * 1000) return false;
  if (tenant !== null && data !== null && data.tenantId !== tenant) return false;
  return aggregates === null || aggregates.has(id.split('/', 1)[0] ?? '');
}
