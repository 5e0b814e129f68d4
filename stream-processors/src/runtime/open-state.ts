import type { LogClient, LogReader, PartitionEnd } from '@millrace/kernel/log';
import type { Logger } from '@millrace/kernel/telemetry';
import type { ViewCodec } from '@millrace/schemas/views';
import { ChangelogReading } from './changelog-reading.ts';
import type { AnyProcessor } from './processor.ts';
import { restoreTo } from './restore.ts';
import type { Restored } from './restore.ts';
import type { RestoreMeter } from './restore-meter.ts';
import { DoubtfulSnapshot, readSnapshot } from './snapshot/index.ts';
import type { SnapshotDisk } from './snapshot/index.ts';
import { Spill } from './spill/index.ts';
import type { SpillSettings } from './spill/index.ts';
import type { StateRecords } from './state-records.ts';
import { TaskState } from './task-state.ts';

export interface OpenState {
  readonly state: TaskState;
  readonly restored: Restored;
  /** Of the snapshot that it began with. */
  readonly snapshotOffset: bigint | null;
  /** A standby of this process had read the log so far. */
  readonly wasWarm: boolean;
  /** How many records a restart would read that finds no newer snapshot. */
  readonly unsaved: number;
}

/** A state, and how far the log is read that it is of. */
export interface StateStart {
  readonly state: TaskState;
  readonly reading: ChangelogReading;
  readonly snapshotOffset: bigint | null;
  /** Of all that the log held then, what is not read yet is still to be found in it, tombstones too, until they are forgotten. ms since 1970. */
  readonly sinceMs: number;
  /** Throws `DoubtfulSnapshot` where what was read since does not go on from it. */
  readonly confirm: (restored: Restored) => void;
}

/** Something that has read a task's log before it is opened. */
export interface WarmStart {
  /** Reads nothing more from when this resolves: what comes after the task's barrier is not to be in it. */
  rest(): Promise<void>;
  /** What it has, once; null where it has nothing. Throws `DoubtfulSnapshot` where that cannot be trusted for the log as it is now. */
  take(end: PartitionEnd, identity: string): Promise<StateStart | null>;
}

export interface StartOptions {
  readonly task: string;
  readonly processor: AnyProcessor;
  readonly end: PartitionEnd;
  readonly records: StateRecords;
  readonly disk: SnapshotDisk | null;
  /** Of the log; null: nothing but the log itself is trusted. */
  readonly identity: string | null;
  /** Where state goes that memory has no room for; null: all of it stays in memory. */
  readonly spill: SpillSettings | null;
  readonly now: () => number;
  readonly logger: Logger;
}

export interface OpenStateOptions extends StartOptions {
  readonly reader: LogReader;
  readonly codec: ViewCodec;
  readonly warm: WarmStart | null;
  readonly meter: RestoreMeter;
}

/**
 * A task's state as its log says it is: from what a standby has read, else from the newest snapshot that can be believed, and the log after it; else from the
 * whole log. All come to the same: what there is any doubt about is left aside.
 */
export async function openState(options: OpenStateOptions): Promise<OpenState> {
  const { end, reader, codec, warm, identity, meter } = options;
  const finished = async (start: StateStart, wasWarm: boolean): Promise<OpenState> => {
    const { state, reading, snapshotOffset } = start;
    try {
      const restored = await restoreTo(end, reading, { reader, codec, progress: meter });
      start.confirm(restored);
      state.restored(restored.rewrite);
      return { state, restored, snapshotOffset, wasWarm, unsaved: reading.count };
    } catch (error) {
      await state.close();
      throw error;
    }
  };
  if (warm !== null && identity !== null) {
    const opened = await unlessDoubtful(options, 'a standby', async () => {
      const start = await warm.take(end, identity);
      if (start !== null) meter.wasWarm(start.state.size);
      return start === null ? null : finished(start, true);
    });
    if (opened !== null) return opened;
    meter.leftAside();
  }
  for (const name of await namesOf(options)) {
    const opened = await unlessDoubtful(options, `the snapshot ${name}`, async () => {
      const start = await snapshotStart(options, name);
      if (start !== null) meter.loaded(start.state.size);
      return start === null ? null : finished(start, false);
    });
    if (opened !== null) return opened;
    meter.leftAside();
  }
  return finished(wholeStart(options), false);
}

/** Where a reading of the log begins that has no end yet: at the newest snapshot that can be believed, else at the log's beginning. */
export async function firstStart(options: StartOptions): Promise<StateStart> {
  for (const name of await namesOf(options)) {
    const start = await unlessDoubtful(options, `the snapshot ${name}`, () => snapshotStart(options, name));
    if (start !== null) return start;
  }
  return wholeStart(options);
}

function emptyState({ processor, spill }: StartOptions): TaskState {
  return new TaskState(processor, spill === null ? null : new Spill(spill));
}

function wholeStart(options: StartOptions): StateStart {
  const { end, records, now } = options;
  const state = emptyState(options);
  const reading = new ChangelogReading(state, records, { offset: end.startOffset });
  return { state, reading, snapshotOffset: null, sinceMs: now(), confirm: () => undefined };
}

async function snapshotStart(options: StartOptions, name: string): Promise<StateStart | null> {
  const { task, processor, end, records, disk, identity, now } = options;
  if (disk === null || identity === null) return null;
  const state = emptyState(options);
  const wanted = {
    ...{ log: identity, end, nowMs: now() },
    ...{ processor: processor.name, stateVersion: processor.stateVersion },
  };
  const { head, end: snapshotEnd } = await readSnapshot(disk, task, name, wanted, state).catch(
    async (error: unknown) => {
      await state.close();
      throw error;
    },
  );
  const reading = new ChangelogReading(state, records, {
    offset: head.fromOffset,
    position: head.position,
    gone: head.gone,
  });
  // What the snapshot was complete with is in the log: a position at or after its own, and one past the newest of its values.
  const confirm = ({ position, positionEnd }: Restored): void => {
    if (position === null || position.lsn < head.position.lsn || position.frontier < head.position.frontier) {
      throw new DoubtfulSnapshot('the log stands before it');
    }
    if (snapshotEnd.toOffset > head.fromOffset && (positionEnd === null || positionEnd < snapshotEnd.toOffset - 1n)) {
      throw new DoubtfulSnapshot('the log has no position past it');
    }
  };
  return { state, reading, snapshotOffset: head.fromOffset, sinceMs: head.takenMs, confirm };
}

/** Null, with a line in the log, where it is doubtful. */
async function unlessDoubtful<T>(
  { task, logger }: StartOptions,
  from: string,
  act: () => Promise<T | null>,
): Promise<T | null> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof DoubtfulSnapshot)) throw error;
    const { message, cause } = error;
    const said = `${from} of the state is left aside`;
    logger.warn({ task, reason: message, ...(cause === undefined ? {} : { err: cause }) }, said);
    return null;
  }
}

async function namesOf({ disk, identity, task, logger }: StartOptions): Promise<readonly string[]> {
  try {
    return disk === null || identity === null ? [] : await disk.list(task);
  } catch (error) {
    logger.warn({ task, err: error }, 'snapshots of the state cannot be listed: the changelog is read instead');
    return [];
  }
}

/** Null, with a line in the log, where the log does not say what it is: then no snapshot and no standby can be trusted. */
export async function identityOf(log: LogClient, topic: string, logger: Logger): Promise<string | null> {
  try {
    return await log.admin.identity(topic);
  } catch (error) {
    logger.warn(
      { topic, err: error },
      'the log does not tell which it is: no snapshots or standbys of the state are used',
    );
    return null;
  }
}
