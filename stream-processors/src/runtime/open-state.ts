import type { LogClient, LogReader, PartitionEnd } from '@millrace/kernel/log';
import type { Logger } from '@millrace/kernel/telemetry';
import type { ViewCodec } from '@millrace/schemas/views';
import type { AnyProcessor } from './processor.ts';
import { restoreInto } from './restore.ts';
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
}

export interface OpenStateOptions {
  readonly task: string;
  readonly processor: AnyProcessor;
  readonly log: LogClient;
  readonly reader: LogReader;
  readonly end: PartitionEnd;
  readonly records: StateRecords;
  readonly codec: ViewCodec;
  readonly snapshots: { readonly disk: SnapshotDisk; readonly identity: string } | null;
  /** Where state goes that memory has no room for; null: all of it stays in memory. */
  readonly spill: SpillSettings | null;
  readonly meter: RestoreMeter;
  readonly now: () => number;
  readonly logger: Logger;
}

/**
 * A task's state as its log says it is: from the newest snapshot that can be believed and the log after it, else from the whole log. Both come to the same:
 * a snapshot about which there is any doubt is left aside.
 */
export async function openState(options: OpenStateOptions): Promise<OpenState> {
  const { task, processor, reader, end, records, codec, snapshots, spill, meter, logger } = options;
  const empty = (): TaskState => new TaskState(processor, spill === null ? null : new Spill(spill));
  for (const name of await namesOf(options)) {
    if (snapshots === null) break;
    const state = empty();
    try {
      const wanted = {
        ...{ log: snapshots.identity, end, nowMs: options.now() },
        ...{ processor: processor.name, stateVersion: processor.stateVersion },
      };
      const { head, end: snapshotEnd } = await readSnapshot(snapshots.disk, task, name, wanted, state);
      meter.loaded(snapshotEnd.values);
      const from = { offset: head.fromOffset, position: head.position, gone: head.gone };
      const restored = await restoreInto(state, { reader, end, records, codec, from, progress: meter });
      // What the snapshot was complete with is in the log: a position at or after its own, and one past the newest of its values.
      const { position, positionEnd } = restored;
      if (position === null || position.lsn < head.position.lsn || position.frontier < head.position.frontier) {
        throw new DoubtfulSnapshot('the log stands before it');
      }
      if (snapshotEnd.toOffset > head.fromOffset && (positionEnd === null || positionEnd < snapshotEnd.toOffset - 1n)) {
        throw new DoubtfulSnapshot('the log has no position past it');
      }
      state.restored(restored.rewrite);
      return { state, restored, snapshotOffset: head.fromOffset };
    } catch (error) {
      await state.close();
      if (!(error instanceof DoubtfulSnapshot)) throw error;
      const { message, cause } = error;
      const said = 'a snapshot of the state is left aside: the changelog is read instead';
      logger.warn({ task, snapshot: name, reason: message, ...(cause === undefined ? {} : { err: cause }) }, said);
    }
  }
  const state = empty();
  try {
    const restored = await restoreInto(state, { reader, end, records, codec, progress: meter });
    state.restored(restored.rewrite);
    return { state, restored, snapshotOffset: null };
  } catch (error) {
    await state.close();
    throw error;
  }
}

async function namesOf({ snapshots, task, logger }: OpenStateOptions): Promise<readonly string[]> {
  try {
    return snapshots === null ? [] : await snapshots.disk.list(task);
  } catch (error) {
    logger.warn({ task, err: error }, 'snapshots of the state cannot be listed: the changelog is read instead');
    return [];
  }
}

/** Null, with a line in the log, where the log does not say what it is: then no snapshot can be trusted. */
export async function identityOf(log: LogClient, topic: string, logger: Logger): Promise<string | null> {
  try {
    return await log.admin.identity(topic);
  } catch (error) {
    logger.warn({ topic, err: error }, 'the log does not tell which it is: no snapshots of the state are used');
    return null;
  }
}
