import { avroType, framed } from '../avro/index.ts';
import type { SchemaRegistry } from '../registry/index.ts';
import type { StockEventView } from '../views/index.ts';
import { eventSchema } from './event-schemas.ts';
import type { Payload } from './event-schemas.ts';

/** Events that processors make, in the form of those from the outbox. No command writes into these topics. */
export const STOCK_EVENTS_TOPIC = 'events.inventory';

const stockEvent: Payload = {
  productId: 'string',
  status: 'string',
  previousStatus: 'string?',
  onHand: 'int',
  reserved: 'int',
  available: 'int',
  lowStockThreshold: 'int',
  unexplained: 'int',
};
const names = [
  'LowStock',
  'OutOfStock',
  'BackInStock',
  'StockMismatch',
] as const satisfies readonly StockEventView['name'][];

export const stockEventSchemas: readonly Record<string, unknown>[] = names.map((name) => eventSchema(name, stockEvent));

/** Values of `events.inventory`; registers its schemas before first use. `topic` carries its prefix. */
export async function createStockEventEncoder(
  registry: SchemaRegistry,
  topic: string,
): Promise<(eventId: string, tsUs: number, event: StockEventView) => Buffer> {
  const ids = new Map<string, number>();
  for (const [at, name] of names.entries()) ids.set(name, await registry.register(topic, stockEventSchemas[at]));
  const types = new Map(names.map((name, at) => [name, avroType(stockEventSchemas[at] as never)]));
  return (eventId, tsUs, event) => {
    const { tenantId, name, at: occurredAt, ...payload } = event;
    const type = types.get(name);
    const id = ids.get(name);
    if (type === undefined || id === undefined) throw new Error(`${name} at ${occurredAt} is no event of stock`);
    const head = { event_id: eventId, aggregate_id: event.productId, tenant_id: tenantId, occurred_at: tsUs };
    return framed(id, type.toBuffer({ ...head, payload }));
  };
}
