export { entriesOf, previewReplay } from './preview.ts';
export type { StorePreview } from './preview.ts';
export { repeatAggregates, replayOver } from './repeat.ts';
export { SinksClient } from './sinks-client.ts';
export type { ReplayOrder, SinkReplay } from './sinks-client.ts';
