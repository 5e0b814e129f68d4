export { CaptureClient } from './client.ts';
export type { Resnapshot, ResnapshotScope } from './client.ts';
export { resnapshotEnded } from './wait.ts';
