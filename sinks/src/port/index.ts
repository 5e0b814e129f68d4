export { silentObserver } from './sink.ts';
export type { Refusal, Sink, SinkBatch, SinkObserver } from './sink.ts';
export { greatestMark, markOf, partitionKey } from './marks.ts';
export { sinkName } from './store-generations.ts';
export type { Generation, StoreGenerations } from './store-generations.ts';
export { isKind, newestEntries } from './newest.ts';
