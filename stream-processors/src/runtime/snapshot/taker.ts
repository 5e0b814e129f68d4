import type { Logger } from '@millrace/kernel/telemetry';
import type { TaskPosition } from '../state-records.ts';
import type { TaskState } from '../task-state.ts';
import { SNAPSHOT_FORMAT, endText, headText } from './content.ts';
import type { SnapshotHead } from './content.ts';
import type { SnapshotDisk, SnapshotDraft } from './disk.ts';
import { frameOf } from './frames.ts';
import { nextPart } from './values.ts';

/** When and where tasks take snapshots. One for all tasks of a process: they take turns, so that their pauses do not add up. */
export interface SnapshotSettings {
  readonly disk: SnapshotDisk;
  /** Least time between two of a task, ms. */
  readonly everyMs: number;
  /** None is taken before a restore would read about so many records without it. */
  readonly leastRecords: number;
  /** Written at once: it bounds the memory, and how long the task is held up at a time. */
  readonly partValues: number;
  /** The last one, at a clean stop, is given up after so long. */
  readonly lastMs: number;
  readonly turns: SnapshotTurns;
}

/** One at a time. */
export class SnapshotTurns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/** Where the log has a whole result, acknowledged, and what it was. */
export interface AcknowledgedResult {
  /** Offset after it. */
  readonly offset: bigint;
  readonly position: TaskPosition;
  readonly gone: readonly string[];
  /** Before anything later was given to the log; ms since 1970. */
  readonly atMs: number;
}

export interface SnapshotSubject {
  readonly task: string;
  readonly state: TaskState;
  /** What heads of its snapshots say beside the result they begin at. */
  readonly of: Pick<SnapshotHead, 'log' | 'topic' | 'partition' | 'processor' | 'stateVersion'>;
  /** Resolves with the offset after the last result that was given to the log, when it is acknowledged; rejects when that fails. */
  readonly acknowledged: () => Promise<bigint>;
  readonly now: () => number;
  readonly logger: Logger;
}

/** Beside the newest one: should that turn out to be damaged. */
const KEPT = 1;

/**
 * Takes a task's snapshots while it goes on. What is written is not the state of one moment: it begins at a result that the log holds (`fromOffset`), and each
 * value is as of some result since then. A restore reads the log from that offset, where everything that changed since is found again, so it comes to the same
 * state. It is published once the log holds everything that any of its values is of; so a snapshot never knows more than the log.
 */
export class SnapshotTaker {
  readonly #settings: SnapshotSettings;
  readonly #subject: SnapshotSubject;
  #newest: AcknowledgedResult | null = null;
  #records: number;
  #lastMs: number;
  #taking: Promise<void> | null = null;
  #isWriting = false;
  /** What is not published by then is discarded. */
  #endMs = Number.POSITIVE_INFINITY;

  /** `records`: how many the restore read, which the next one would have to read too. */
  constructor(settings: SnapshotSettings, subject: SnapshotSubject, records: number) {
    this.#settings = settings;
    this.#subject = subject;
    this.#records = records;
    this.#lastMs = subject.now();
  }

  /** The log has another result, of so many records. */
  acknowledged(result: AcknowledgedResult, records: number): void {
    this.#records += records;
    if (this.#newest === null || result.offset > this.#newest.offset) this.#newest = result;
  }

  /** To be called now and then: begins one where it is due. */
  consider(): void {
    if (this.#taking !== null || !this.#isWorthwhile) return;
    if (this.#subject.now() - this.#lastMs < this.#settings.everyMs) return;
    this.#taking = this.#settings.turns.take(() => this.#take()).finally(() => (this.#taking = null));
  }

  /** At a clean stop, when everything is acknowledged and nothing more changes. */
  async last(): Promise<void> {
    this.#endMs = this.#subject.now() + this.#settings.lastMs;
    await this.#taking;
    if (this.#isWorthwhile) await this.#settings.turns.take(() => this.#take());
  }

  /** Ends what is being taken; nothing of it stays. */
  async close(): Promise<void> {
    this.#endMs = Number.NEGATIVE_INFINITY;
    if (this.#isWriting) await this.#taking;
  }

  get #isWorthwhile(): boolean {
    return this.#newest !== null && this.#records >= this.#settings.leastRecords;
  }

  #isStopped(): boolean {
    return this.#subject.now() > this.#endMs;
  }

  /** Never rejects: a task goes on without snapshots as well as with. */
  async #take(): Promise<void> {
    const from = this.#newest;
    if (from === null || this.#isStopped()) return;
    const { task, logger, now } = this.#subject;
    const beganMs = now();
    const records = this.#records;
    let draft: SnapshotDraft | null = null;
    this.#isWriting = true;
    try {
      draft = await this.#settings.disk.create(task);
      const written = await this.#write(draft, from);
      if (written === null) {
        await draft.discard();
        return;
      }
      await draft.publish(from.offset.toString().padStart(20, '0'), KEPT);
      this.#records -= records;
      const tookMs = Math.round(now() - beganMs);
      logger.info({ task, offset: String(from.offset), ...written, tookMs }, 'a snapshot of the state is written');
    } catch (error) {
      await draft?.discard().catch(() => undefined);
      if (!this.#isStopped()) {
        logger.warn({ task, err: error }, 'no snapshot of the state could be written: a restart reads the changelog');
      }
    } finally {
      this.#isWriting = false;
      this.#lastMs = now();
    }
  }

  /** Null where it was stopped. */
  async #write(draft: SnapshotDraft, from: AcknowledgedResult) {
    const { state, of, acknowledged, now } = this.#subject;
    const { position, gone, offset: fromOffset, atMs: takenMs } = from;
    const head: SnapshotHead = { format: SNAPSHOT_FORMAT, ...of, fromOffset, position, gone, takenMs };
    await draft.write(frameOf('head', Buffer.from(headText(head))));
    let values = 0;
    let bytes = 0;
    let longestMs = 0;
    for (const store of state.stores) {
      const slots = store.slots();
      // Keys that come while it is written are behind these, and in the log.
      const left = { slots: store.slotCount };
      for (;;) {
        if (this.#isStopped()) return null;
        const partBeganMs = now();
        const part = nextPart(store, slots, left, this.#settings.partValues);
        const frame = part === null ? null : frameOf('values', part.content);
        longestMs = Math.max(longestMs, now() - partBeganMs);
        if (part === null || frame === null) {
          if (left.slots === 0) break;
          continue;
        }
        await draft.write(frame);
        values += part.values;
        bytes += frame.length;
      }
    }
    const toOffset = await acknowledged();
    if (this.#isStopped()) return null;
    await draft.write(frameOf('end', Buffer.from(endText({ toOffset, values }))));
    return { values, bytes, longestPauseMs: Math.round(longestMs * 10) / 10 };
  }
}
