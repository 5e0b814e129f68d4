import { join } from 'node:path';
import { LmdbDisk, StateMemory } from '../runtime/index.ts';
import type { SpillSettings } from '../runtime/index.ts';

const MEGABYTE = 1_000_000;

/** Where the tasks of a process put state that its memory has no room for; null: all of it stays in memory. */
export function spillSettings({
  stateFolder,
  stateMemoryMb = 0,
}: {
  readonly stateFolder?: string;
  readonly stateMemoryMb?: number;
}): SpillSettings | null {
  if (stateFolder === undefined || stateMemoryMb === 0) return null;
  return { memory: new StateMemory(stateMemoryMb * MEGABYTE), open: () => new LmdbDisk(join(stateFolder, 'spilled')) };
}
