export { MemoryLog, type MemoryLogOptions } from './memory-log.ts';
export type { AppendCall, MemoryHooks } from './writer.ts';
export type { StoredRecord } from './store.ts';
