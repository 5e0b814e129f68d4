export type {
  Connection,
  ConnectionEvents,
  EventStream,
  HttpAnswer,
  HttpRequest,
  Transport,
  TransportHandlers,
  TransportName,
  TransportOptions,
} from './port.ts';
export { jsonAnswer, offers } from './http-text.ts';
export { startTransport } from './start.ts';
export { loadUws } from './uws-transport.ts';
