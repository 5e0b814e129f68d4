import { SnapshotFolder, SnapshotTurns } from '../runtime/index.ts';
import type { SnapshotSettings } from '../runtime/index.ts';

/** About 2 ms of work. */
const PART_VALUES = 2_000;
/** Half of what a service has for its end. */
const LAST_MS = 5_000;

/** How the tasks of a process keep snapshots; null: not at all. */
export function snapshotSettings({
  stateFolder,
  stateSnapshotSeconds = 0,
  stateSnapshotRecords = 1,
}: {
  readonly stateFolder?: string;
  readonly stateSnapshotSeconds?: number;
  readonly stateSnapshotRecords?: number;
}): SnapshotSettings | null {
  if (stateFolder === undefined || stateSnapshotSeconds === 0) return null;
  return {
    disk: new SnapshotFolder(stateFolder),
    everyMs: stateSnapshotSeconds * 1000,
    leastRecords: stateSnapshotRecords,
    partValues: PART_VALUES,
    lastMs: LAST_MS,
    turns: new SnapshotTurns(),
  };
}
