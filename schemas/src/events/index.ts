export { createEventDecoder, createEventEncoder } from './event-codec.ts';
export type { DecodedEvent, EventEncoder, OutboxEvent } from './event-codec.ts';
export { eventSchemasOf, genericEventSchema } from './event-schemas.ts';
export { STOCK_EVENTS_TOPIC, createStockEventEncoder } from './derived-events.ts';
