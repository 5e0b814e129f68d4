export type { PlacedText, SpillDisk } from './disk.ts';
export { LmdbDisk } from './lmdb-disk.ts';
export { StateMemory } from './memory.ts';
export { MemorySpillDisk } from './memory-disk.ts';
export { Spill } from './spill.ts';
export type { Spillable, SpillSettings } from './spill.ts';
