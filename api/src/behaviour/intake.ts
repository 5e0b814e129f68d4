import type { Database } from '../database/database.ts';
import type { Lsn } from '@millrace/kernel/position';

export interface ToldEvent {
  /** Undefined: made here, and the event is taken as a new one whenever it is sent. */
  readonly eventId?: string | undefined;
  readonly type: string;
  readonly productId?: string | undefined;
  /** Undefined: now. */
  readonly occurredAt?: string | undefined;
}

export interface Visit {
  readonly sessionId: string;
  readonly tenantId: string;
  readonly customerId: string | undefined;
}

/**
 * Writes what was told of a visit, in one transaction: when this resolves, each event is durable, and is in the views once `lsn` is. Answers how
 * many were new: one that the session has already (by its id) is left as it is.
 */
export async function takeIn(
  database: Database,
  { sessionId, tenantId, customerId }: Visit,
  events: readonly ToldEvent[],
): Promise<{ readonly accepted: number; readonly lsn: Lsn }> {
  const { result, lsn } = await database.transaction((sql) =>
    sql.rows(
      `insert into commerce.behaviour_events (session_id, event_id, kind, product_id, customer_id, occurred_at, tenant_id)
       select $1, coalesce(event_id, uuidv7()), kind, product_id, $2, coalesce(occurred_at, now()), $3
       from unnest($4::uuid[], $5::text[], $6::uuid[], $7::timestamptz[]) as told (event_id, kind, product_id, occurred_at)
       on conflict (session_id, event_id) do nothing
       returning 1 as taken`,
      [
        sessionId,
        customerId ?? null,
        tenantId,
        events.map(({ eventId }) => eventId ?? null),
        events.map(({ type }) => type),
        events.map(({ productId }) => productId ?? null),
        events.map(({ occurredAt }) => occurredAt ?? null),
      ],
    ),
  );
  return { accepted: result.length, lsn };
}
