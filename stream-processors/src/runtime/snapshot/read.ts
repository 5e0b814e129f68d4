import type { PartitionEnd } from '@millrace/kernel/log';
import type { TaskState } from '../task-state.ts';
import { SNAPSHOT_FORMAT, endOf, headOf } from './content.ts';
import type { SnapshotEnd, SnapshotHead } from './content.ts';
import type { SnapshotDisk } from './disk.ts';
import { DoubtfulSnapshot, readFrame } from './frames.ts';
import { loadPart } from './values.ts';

/**
 * Older ones are not read. A log keeps the tombstone of a deletion at least as long as `delete.retention.ms` says (7 days in Millrace's topics, 1 day is
 * Kafka's default); a snapshot from before would bring back what was deleted.
 */
export const MOST_AGE_MS = 12 * 3_600_000;

/** What a snapshot must be of. */
export interface Wanted {
  readonly log: string;
  readonly end: PartitionEnd;
  readonly processor: string;
  readonly stateVersion: number;
  readonly nowMs: number;
}

/**
 * Reads a snapshot into an empty state. Throws `DoubtfulSnapshot`, with the reason, for whatever is not whole, undamaged and of this very log within its
 * bounds; the state must then be thrown away.
 */
export async function readSnapshot(
  disk: SnapshotDisk,
  task: string,
  name: string,
  wanted: Wanted,
  state: TaskState,
): Promise<{ head: SnapshotHead; end: SnapshotEnd }> {
  try {
    return await read(disk, task, name, wanted, state);
  } catch (error) {
    if (error instanceof DoubtfulSnapshot) throw error;
    // A disk that fails, a file that is gone: the log has it all.
    throw new DoubtfulSnapshot('it cannot be read', { cause: error });
  }
}

async function read(disk: SnapshotDisk, task: string, name: string, wanted: Wanted, state: TaskState) {
  const bytes = await disk.open(task, name);
  try {
    const first = await readFrame(bytes);
    if (first?.kind !== 'head') throw new DoubtfulSnapshot('it has no beginning');
    const head = headOf(first.content.toString('utf8'));
    refuseOther(head, wanted);
    let values = 0;
    for (;;) {
      const frame = await readFrame(bytes);
      if (frame === null) throw new DoubtfulSnapshot('it has no end');
      if (frame.kind === 'values') values += loadPart(state, frame.content);
      else {
        const end = frame.kind === 'end' ? endOf(frame.content.toString('utf8')) : null;
        if (end?.values !== values || (await readFrame(bytes)) !== null) {
          throw new DoubtfulSnapshot('its end is not the end of what is in it');
        }
        if (end.toOffset > wanted.end.barrierOffset) throw new DoubtfulSnapshot('the log ends before it');
        return { head, end };
      }
    }
  } finally {
    await bytes.close();
  }
}

function refuseOther(head: SnapshotHead, { log, end, processor, stateVersion, nowMs }: Wanted): void {
  if (head.format !== SNAPSHOT_FORMAT) throw new DoubtfulSnapshot(`it has format ${head.format}`);
  if (head.log !== log) throw new DoubtfulSnapshot('it is of another log of that name');
  if (head.topic !== end.topic || head.partition !== end.partition) throw new DoubtfulSnapshot('it is of another task');
  if (head.processor !== processor) throw new DoubtfulSnapshot(`it is of ${head.processor}`);
  if (head.stateVersion !== stateVersion || head.position.stateVersion !== stateVersion) {
    throw new DoubtfulSnapshot(`it is of state version ${head.stateVersion}`);
  }
  if (head.fromOffset < end.startOffset) throw new DoubtfulSnapshot('the log begins after it');
  if (head.fromOffset > end.barrierOffset) throw new DoubtfulSnapshot('the log ends before it');
  const ageMs = nowMs - head.takenMs;
  if (!(ageMs >= 0 && ageMs <= MOST_AGE_MS)) throw new DoubtfulSnapshot('it is too old, or of the future');
}
