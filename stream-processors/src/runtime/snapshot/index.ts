export { SnapshotFolder } from './folder.ts';
export type { SnapshotBytes, SnapshotDisk, SnapshotDraft } from './disk.ts';
export { DoubtfulSnapshot } from './frames.ts';
export { MOST_AGE_MS, readSnapshot } from './read.ts';
export { SnapshotTaker, SnapshotTurns } from './taker.ts';
export type { AcknowledgedResult, SnapshotSettings } from './taker.ts';
