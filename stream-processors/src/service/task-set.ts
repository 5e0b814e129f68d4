import { asPlatformError, isKind } from '@millrace/kernel/errors';
import { sleep } from '@millrace/kernel/retry';
import type { Logger } from '@millrace/kernel/telemetry';
import { RestoreMeter } from '../runtime/index.ts';
import type { TaskRunner } from '../runtime/index.ts';
import type { TaskName } from './placement.ts';

/** What runs under a task's name: the task of a processor, or what else follows a partition with a fenced log of its own. */
export interface PlacedTask {
  readonly part: { run(signal: AbortSignal): Promise<void>; close(): Promise<void> };
  readonly runner: TaskRunner | null;
}

export interface TaskSetOptions {
  readonly open: (name: TaskName, meter: RestoreMeter) => Promise<PlacedTask>;
  readonly logger: Logger;
  /**
   * A task that another process took is opened again after this long, if it is still this one's: the other may have acted on an old assignment.
   * Null: whoever is fenced has been replaced, and ends.
   */
  readonly reopenMs: number | null;
  /** A task's state is of another version: this release is not able to go on with it. */
  readonly refused?: (name: TaskName) => void;
}

interface Held {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  placed: PlacedTask | null;
  /** While it is opened. */
  meter: RestoreMeter | null;
}

/**
 * The tasks that this process has, which may change while it runs. Each opens, runs and closes by itself: what is not affected by a change goes on. A task whose
 * log another writer took, or whose append nobody can tell the end of, is opened again alone. One whose state is of another version stands still, and is not tried
 * again by this process. Whatever else a task throws ends all of them.
 */
export class TaskSet {
  readonly #options: TaskSetOptions;
  readonly #held = new Map<TaskName, Held>();
  readonly #failed = new AbortController();
  readonly #refused = new Map<TaskName, string>();
  #closing: Promise<unknown>[] = [];

  constructor(options: TaskSetOptions) {
    this.#options = options;
  }

  /** Aborted, with the reason, when a task threw what no new start of it alone mends. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  get names(): readonly TaskName[] {
    return [...this.#held.keys()];
  }

  get runners(): readonly TaskRunner[] {
    return [...this.#held.values()].flatMap(({ placed }) => placed?.runner ?? []);
  }

  /** Tasks that this release cannot go on with, and why. They stand still, and all others go on. */
  get refused(): ReadonlyMap<TaskName, string> {
    return this.#refused;
  }

  /** Those that are not restored yet. */
  get restoring(): readonly { readonly name: TaskName; readonly meter: RestoreMeter }[] {
    return [...this.#held].flatMap(([name, { meter }]) => (meter === null ? [] : [{ name, meter }]));
  }

  /** Every task it has is restored, or refused. */
  get isRestored(): boolean {
    return [...this.#held].every(([name, { placed }]) => placed !== null || this.#refused.has(name));
  }

  /** Starts what is new and stops what is no longer there. Does not wait for either: the fence keeps two holders apart. */
  have(names: readonly TaskName[]): void {
    for (const [name, { stop, ended }] of this.#held) {
      if (names.includes(name)) continue;
      stop.abort();
      this.#held.delete(name);
      this.#closing.push(ended);
    }
    for (const name of names) {
      if (this.#held.has(name)) continue;
      const stop = new AbortController();
      const held: Held = {
        stop,
        placed: null,
        meter: null,
        ended: Promise.resolve().then(() => this.#keep(name, held)),
      };
      this.#held.set(name, held);
    }
  }

  async close(): Promise<void> {
    this.have([]);
    const closing = this.#closing;
    this.#closing = [];
    await Promise.all(closing);
  }

  async #keep(name: TaskName, held: Held): Promise<void> {
    const { open, logger, reopenMs } = this.#options;
    const { signal } = held.stop;
    const stopped = (): boolean => signal.aborted;
    while (!stopped() && !this.#refused.has(name)) {
      try {
        const meter = (held.meter = new RestoreMeter(() => performance.now()));
        held.placed = await open(name, meter);
        held.meter = null;
        const { part, runner } = held.placed;
        const { fromSnapshot, fromStandby, records } = meter.report();
        const restored = runner === null ? {} : { fromSnapshot, fromStandby, records };
        logger.info({ task: name, ...restored }, 'task restored and running');
        const size = runner?.task.parked.size ?? 0;
        if (size > 0) logger.warn({ task: name, size }, 'aggregates are parked');
        await part.run(signal);
      } catch (error) {
        if (stopped()) return;
        if (isKind(error, 'state-outdated')) {
          this.#refuse(name, asPlatformError(error).message);
          return;
        }
        const another = isKind(error, 'log-fenced');
        if ((another && reopenMs === null) || (!another && !isKind(error, 'log-unknown-outcome'))) {
          this.#failed.abort(error);
          return;
        }
        logger.warn({ task: name, err: error }, another ? 'another process took the task' : 'the task starts again');
        await sleep(another ? (reopenMs ?? 0) : 0, signal).catch(() => undefined);
      } finally {
        await held.placed?.part.close();
        held.placed = held.meter = null;
      }
    }
  }

  #refuse(name: TaskName, reason: string): void {
    this.#refused.set(name, reason);
    this.#options.logger.error({ task: name }, reason);
    this.#options.refused?.(name);
  }
}
