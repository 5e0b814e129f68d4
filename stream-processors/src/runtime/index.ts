export { defineProcessor, entriesOf, keyedStore, ofAllPartitions, referenceRows, rowsOf } from './processor.ts';
export type {
  AnyProcessor,
  BackgroundWork,
  CdcInput,
  Context,
  InputPartitions,
  InputSpec,
  KeyedStore,
  Processor,
  StoreSpec,
  StoreSpecs,
  StoresOf,
  ViewInput,
  ViewLog,
} from './processor.ts';
export { DeadLetterLog } from './dead-letters.ts';
export type { DeadLetterSink } from './dead-letters.ts';
export type { InputCodecs } from './input-decoder.ts';
export { TaskRunner, defaultLimits } from './runner.ts';
export { Turns } from './turns.ts';
export type { RunnerEvents, RunnerLimits, RunnerOptions } from './runner.ts';
export type { ParkedState } from './parked.ts';
export type { RedriveOutcome } from './redrive-step.ts';
export { registerOutput } from './state-records.ts';
export type { OutputSchemas } from './state-records.ts';
export { RestoreMeter } from './restore-meter.ts';
export type { RestoreReport } from './restore-meter.ts';
export { DoubtfulSnapshot, MOST_AGE_MS, SnapshotFolder, SnapshotTurns } from './snapshot/index.ts';
export { LmdbDisk, MemorySpillDisk, StateMemory } from './spill/index.ts';
export type { SpillSettings } from './spill/index.ts';
export type { SnapshotBytes, SnapshotDisk, SnapshotDraft, SnapshotSettings } from './snapshot/index.ts';
export { Standby } from './standby/index.ts';
export type { StandbyReport } from './standby/index.ts';
export type { WarmStart } from './open-state.ts';
