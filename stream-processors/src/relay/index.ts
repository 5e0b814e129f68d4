export { EventRelay } from './event-relay.ts';
export type { EventRelayOptions } from './event-relay.ts';
export { openStockRelays } from './open-stock-relays.ts';
