import type { System } from './explore.ts';
import { protocol, restored } from './protocol.ts';
import type { Bounds, State, Writer } from './protocol.ts';
import { compact, finished, nothing, read, script, stateAt, withoutTombstones } from './task-log.ts';
import type { Reading, Values } from './task-log.ts';

/** Ways to get copies of the state wrong; each must be found. */
export interface CopyFaults {
  /** A snapshot is read although it is of a log that is no more. */
  readonly ofAnotherLog?: boolean;
  /** A snapshot is read although it is older than the log's memory of deletions. */
  readonly oldSnapshot?: boolean;
  /** It says that it is of the offset at which it ended. */
  readonly ofItsEnd?: boolean;
  /** It is published before the log has all that its values are of. */
  readonly publishedEarly?: boolean;
  /** A standby counts as it is, without the records up to the barrier. */
  readonly standbyUnread?: boolean;
  /** A standby counts although it has not been at the log's end for half a day. */
  readonly oldStandby?: boolean;
  /** A standby counts although it is of a log that is no more. */
  readonly standbyOfAnotherLog?: boolean;
  /** A standby takes back what a result has left whose end it has not seen yet, as if it never came. */
  readonly standbyTakesBack?: boolean;
}

export interface CopyBounds extends Bounds {
  readonly snapshots: number;
  /** How often half a day passes: old deletions leave the log. */
  readonly days: number;
  /** How often somebody deletes the log, and processing begins anew. */
  readonly recreations: number;
  readonly hasStandby: boolean;
}

/** Values come into it one after the other, each as of the writer's newest result. */
interface Draft {
  readonly epoch: number;
  readonly from: number;
  readonly position: number;
  readonly a: Values['A'];
  /** Its age is that of its beginning. */
  readonly isOld: boolean;
}

interface Snapshot {
  readonly log: number;
  readonly from: number;
  readonly to: number;
  readonly position: number;
  readonly values: Values;
  readonly isOld: boolean;
}

interface Standby {
  readonly log: number;
  readonly next: number;
  readonly reading: Reading;
  readonly isOld: boolean;
}

/** The protocol's state, and what is kept beside the log. */
export interface CopyState {
  readonly task: State;
  /** Of the log that there is. */
  readonly log: number;
  readonly draft: Draft | null;
  readonly snapshot: Snapshot | null;
  readonly standby: Standby | null;
  readonly snapshotsLeft: number;
  readonly daysLeft: number;
  readonly recreationsLeft: number;
}

/** The protocol, whose writers may begin with a local snapshot or take over from a standby instead of reading the log from its beginning. */
export function protocolWithCopies(bounds: CopyBounds, faults: CopyFaults = {}): System<CopyState> {
  const inner = protocol(bounds);
  const of = bounds.script ?? script;
  return {
    initial: {
      task: inner.initial,
      log: 0,
      draft: null,
      snapshot: null,
      standby: null,
      snapshotsLeft: bounds.snapshots,
      daysLeft: bounds.days,
      recreationsLeft: bounds.recreations,
    },
    *next(state) {
      const { task, draft, standby } = state;
      for (const [name, next] of inner.next(task)) yield [name, { ...state, task: next }];
      for (const [at, writer] of task.writers.entries()) {
        if (writer.phase === 'restoring') yield* fromCopies(state, at, writer);
        if (writer.phase !== 'running') continue;
        const written = positionOf(task, writer);
        if (draft === null && state.snapshotsLeft > 0 && written !== null) {
          const { a, ...begun } = { epoch: writer.epoch, ...written, a: stateAt(of, writer.step).A };
          yield [`writer ${writer.epoch} begins a snapshot`, { ...state, draft: { ...begun, a, isOld: false } }];
        }
        if (draft?.epoch === writer.epoch) yield* published(state, writer, draft);
      }
      if (draft !== null)
        yield ['the snapshot is given up', { ...state, draft: null, snapshotsLeft: state.snapshotsLeft - 1 }];
      if (bounds.hasStandby && standby === null) {
        yield ['a standby begins', { ...state, standby: { log: state.log, next: 0, reading: nothing, isOld: false } }];
      }
      if (standby?.log === state.log && standby.next < task.end)
        yield ['the standby reads', { ...state, standby: further(state, standby) }];
      if (state.daysLeft > 0) yield ['half a day passes', aged(state)];
      if (state.recreationsLeft > 0 && task.end > 0) yield ['the log is made anew', recreated(state, inner.initial)];
    },
    wrong: ({ task }) => inner.wrong(task),
  };

  function* fromCopies(state: CopyState, at: number, writer: Writer): Generator<readonly [string, CopyState]> {
    const { snapshot, standby, task } = state;
    const goOn = (reading: Reading, from: number): CopyState => {
      const found = finished(read(reading, task.log, from, writer.barrier));
      return { ...state, task: restored(task, at, writer, found, of) };
    };
    if (snapshot !== null && believes(state, snapshot, writer)) {
      const { position, values, from } = snapshot;
      yield [`writer ${writer.epoch} restores from the snapshot`, goOn({ ...nothing, position, values }, from)];
    }
    if (standby === null || (standby.isOld && faults.oldStandby !== true)) return;
    if (standby.log !== state.log && faults.standbyOfAnotherLog !== true) return;
    // Stopped before the barrier came, so it has read nothing past it.
    if (standby.next > writer.barrier) return;
    const from = faults.standbyUnread === true ? writer.barrier : standby.next;
    yield [`writer ${writer.epoch} takes over from the standby`, goOn(standby.reading, from)];
  }

  function believes({ log, task }: CopyState, snapshot: Snapshot, { barrier }: Writer): boolean {
    if (snapshot.isOld && faults.oldSnapshot !== true) return false;
    if (snapshot.log !== log && faults.ofAnotherLog !== true) return false;
    if (snapshot.from > barrier || snapshot.to > barrier) return false;
    return faults.ofAnotherLog === true || task.end >= snapshot.to;
  }

  function* published(state: CopyState, writer: Writer, draft: Draft): Generator<readonly [string, CopyState]> {
    const isAcknowledged = writer.queue.length === 0 && writer.unanswered.length === 0;
    if (!isAcknowledged && faults.publishedEarly !== true) return;
    const written = positionOf(state.task, writer);
    if (written === null) return;
    const to = isAcknowledged ? written.from : draft.from;
    const values = { A: draft.a, B: stateAt(of, writer.step).B };
    const from = faults.ofItsEnd === true ? to : draft.from;
    const position = faults.ofItsEnd === true ? written.position : draft.position;
    const snapshot: Snapshot = { log: state.log, from, to, position, values, isOld: draft.isOld };
    yield ['the snapshot is published', { ...state, draft: null, snapshot, snapshotsLeft: state.snapshotsLeft - 1 }];
  }

  function further({ task }: CopyState, standby: Standby): Standby {
    const next = task.log.find(([offset]) => offset >= standby.next)?.[0] ?? task.end - 1;
    const reading = read(standby.reading, task.log, standby.next, next + 1);
    const isAtEnd = next + 1 === task.end;
    if (faults.standbyTakesBack === true && isAtEnd) {
      const { position, values, tail } = finished(reading);
      return { ...standby, next: next + 1, reading: { position, values, tail, halves: [] } };
    }
    return { ...standby, next: next + 1, reading };
  }
}

/** The newest result of the writer that the log has, and the offset after it; null where it has made none, or compaction took its end away. */
function positionOf({ log, epoch }: State, writer: Writer): { from: number; position: number } | null {
  if (writer.epoch < epoch) return null;
  const barrier = log.findLast(([, record]) => record[0] === 'barrier')?.[0] ?? 0;
  const found = log.findLast(([offset, record]) => record[0] === 'position' && offset > barrier);
  return found?.[1][0] === 'position' ? { from: found[0] + 1, position: found[1][1] } : null;
}

function aged(state: CopyState): CopyState {
  const { task, draft, snapshot, standby } = state;
  return {
    ...state,
    task: { ...task, log: withoutTombstones(compact(task.log)) },
    daysLeft: state.daysLeft - 1,
    draft: draft && { ...draft, isOld: true },
    snapshot: snapshot && { ...snapshot, isOld: true },
    standby: standby && { ...standby, isOld: standby.isOld || standby.next < task.end },
  };
}

/** Whoever wrote to it is fenced, and its input is read from the beginning; what is kept beside it stays. */
function recreated(state: CopyState, initial: State): CopyState {
  const writers = state.task.writers.map(({ epoch }): Writer => {
    return { epoch, phase: 'fenced', barrier: 0, step: 0, sequence: 0, queue: [], unanswered: [], restored: null };
  });
  const { losses, compactions } = state.task;
  return {
    ...state,
    task: { ...initial, writers, losses, compactions },
    log: state.log + 1,
    draft: null,
    recreationsLeft: state.recreationsLeft - 1,
  };
}
