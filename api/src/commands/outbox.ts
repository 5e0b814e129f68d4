import type { Sql } from '../database/database.ts';

export interface IntentEvent {
  readonly tenantId: string;
  readonly aggregateType: 'product' | 'order';
  readonly aggregateId: string;
  readonly eventType:
    | 'ProductCreated'
    | 'ProductUpdated'
    | 'ProductTagged'
    | 'ProductUntagged'
    | 'InventoryChanged'
    | 'PriceScheduled'
    | 'OrderCreated'
    | 'OrderCancelled'
    | 'OrderStatusChanged'
    | 'PaymentRecorded'
    | 'OrderShipped';
  readonly payload: unknown;
  readonly actor: string;
}

/** What a command meant, written in its own transaction: it is published if and only if the command took effect. */
export async function writeEvent(sql: Sql, event: IntentEvent): Promise<void> {
  await sql.run(
    `insert into commerce.outbox_events (aggregate_type, aggregate_id, event_type, payload, headers, tenant_id)
     values ($1, $2, $3, $4, jsonb_build_object('actor', $5::text), $6)`,
    [
      event.aggregateType,
      event.aggregateId,
      event.eventType,
      JSON.stringify(event.payload),
      event.actor,
      event.tenantId,
    ],
  );
}
