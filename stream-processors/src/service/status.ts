import { lsnText } from '@millrace/kernel/position';
import type { BackgroundWork, ParkedState, RestoreReport, StandbyReport, TaskRunner } from '../runtime/index.ts';

export interface InputStatus {
  readonly topic: string;
  readonly partition: number;
  /** Every commit at or below is read. */
  readonly watermark: string;
  /** Elements read that wait for other inputs. */
  readonly waiting: number;
  /** Records read since the start, whatever their key. */
  readonly records: number;
  readonly repeated: number;
}

export interface TaskStatus {
  readonly processor: string;
  readonly partition: number;
  readonly output: string;
  /** Every commit at or below is in the output. */
  readonly position: string;
  readonly committedAt: string | null;
  /** Now less the time of the newest commit in the output, ms: also grows while the source is idle. */
  readonly lagMs: number | null;
  readonly inputs: readonly InputStatus[];
  /** The input that the task waits for, where others are ahead of it. */
  readonly heldBackBy: string | null;
  readonly stateKeys: number;
  /** Values of them that the local disk holds, since memory has no room (`STATE_MEMORY_MB`). */
  readonly spilledValues: number;
  readonly parked: readonly ParkedState[];
  /** Changes that still reach their aggregates over the following steps. */
  readonly background: readonly BackgroundWork[];
}

/** A task whose state is being restored. */
export interface RestoringStatus extends RestoreReport {
  readonly task: string;
}

/** A copy of the state of a task that another process has. */
export interface StandbyStatus {
  readonly task: string;
  /** Everything of the task's log below is read. */
  readonly offset: string;
  /** Offsets that it has not read, as of the last time that the log said where it ends; null: it has not said it yet. */
  readonly behind: number | null;
  /** It has been at the log's end: a take-over reads what came since. */
  readonly warm: boolean;
  /** Read since it began. */
  readonly records: number;
  readonly stateKeys: number;
}

export function standbyStatusOf(task: string, report: StandbyReport): StandbyStatus {
  const { offset, endOffset, isWarm: warm, records, keys: stateKeys } = report;
  return {
    task,
    offset: String(offset),
    behind: endOffset === null ? null : Number(endOffset - offset),
    warm,
    records,
    stateKeys,
  };
}

/** What a task says of itself; JSON-safe. */
export function statusOf(processor: string, runner: TaskRunner, nowMs: number): TaskStatus {
  const { task } = runner;
  const inputs = runner.inputs.map(({ topic, partition }, at) => ({
    topic,
    partition,
    watermark: lsnText(task.inputs[at]?.completeTo ?? 0n),
    waiting: task.inputs[at]?.length ?? 0,
    records: runner.decoders[at]?.counts.records ?? 0,
    repeated: runner.decoders[at]?.counts.repeated ?? 0,
  }));
  const waits = inputs.some(({ waiting }) => waiting > 0);
  const [slowest] = [...inputs].sort((a, b) => (a.watermark < b.watermark ? -1 : 1));
  const ms = task.position.streamTimeUs / 1000;
  return {
    processor,
    partition: runner.output.partition,
    output: runner.output.topic,
    position: lsnText(task.position.frontier),
    committedAt: ms === 0 ? null : new Date(ms).toISOString(),
    lagMs: ms === 0 ? null : Math.max(0, Math.round(nowMs - ms)),
    inputs,
    heldBackBy:
      waits && slowest !== undefined && slowest.waiting === 0 ? `${slowest.topic}/${slowest.partition}` : null,
    stateKeys: task.stateSize,
    spilledValues: task.state.spilled,
    parked: task.parked.list(),
    background: task.background,
  };
}
