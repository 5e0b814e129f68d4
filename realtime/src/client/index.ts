export { createRealtimeClient } from './client.ts';
export type { ClientStatus, RealtimeClient, RealtimeClientOptions, WebSocketLike } from './client.ts';
export type { GapEvent, RefusedEvent, StateEvent, TopicEvent } from './messages.ts';
export type { TopicHandler } from './topics.ts';
export { closeCodeOf, closeCodes } from '../protocol/close-codes.ts';
