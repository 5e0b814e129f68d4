import { PlatformError, asPlatformError } from '@millrace/kernel/errors';
import { readRedrive } from './redrive.ts';
import type { RedriveSource } from './redrive.ts';
import type { RedriveOutcome } from './redrive-step.ts';
import type { Task } from './task.ts';

interface Asked {
  readonly aggregate: string;
  readonly drops: boolean;
  readonly resolve: (outcome: RedriveOutcome) => void;
  readonly reject: (error: Error) => void;
}

/** What operators ask of a task, between its steps. One redrive of an aggregate at a time. */
export class RedriveDesk {
  readonly #task: Task;
  readonly #source: RedriveSource;
  #waiting: Asked[] = [];
  readonly #underWay = new Map<string, Asked>();
  #isClosed = false;

  constructor(task: Task, source: RedriveSource) {
    this.#task = task;
    this.#source = source;
  }

  get isAsked(): boolean {
    return this.#waiting.length > 0;
  }

  ask(aggregate: string, drops: boolean): Promise<RedriveOutcome> {
    if (this.#isClosed) return Promise.reject(ended());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ aggregate, drops, resolve, reject });
    });
  }

  /** Between two steps, and with everything put aside so far in the topics: reads what waits and gives it to the task. */
  async prepare(): Promise<void> {
    for (const asked of this.#waiting.splice(0)) {
      try {
        await this.#prepare(asked);
      } catch (error) {
        asked.reject(asPlatformError(error));
      }
    }
  }

  /** The results of all steps so far are in the log. */
  tell(): void {
    for (const outcome of this.#task.redriven.splice(0)) {
      const asked = this.#underWay.get(outcome.aggregate);
      this.#underWay.delete(outcome.aggregate);
      // It may have been parked again: what is made of all rows together can fail too.
      const parked = this.#task.parked.of(outcome.aggregate);
      const waiting = parked.reduce((sum, { records }) => sum + records, 0);
      asked?.resolve({ ...outcome, waiting, error: outcome.error ?? parked[0]?.error ?? null });
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const { reject } of [...this.#waiting.splice(0), ...this.#underWay.values()]) reject(ended());
    this.#underWay.clear();
  }

  async #prepare(asked: Asked): Promise<void> {
    const { aggregate, drops } = asked;
    const parked = this.#task.parked.of(aggregate);
    if (parked.length === 0) throw new PlatformError('not-found', `${aggregate} is not parked`);
    if (this.#underWay.has(aggregate)) throw new PlatformError('conflict', `${aggregate} is being redriven`);
    const steps = drops ? [] : await readRedrive(this.#source, aggregate, parked);
    // Under these inputs an aggregate's id is the key of what is emitted.
    const emits = this.#source.inputs.some(
      ({ topic, spec }) =>
        spec.topic !== 'cdc.reference' && spec.partitions !== 'all' && parked.some((state) => state.topic === topic),
    );
    this.#underWay.set(aggregate, asked);
    this.#task.redrive({ aggregate, drops, emits, steps });
  }
}

function ended(): PlatformError {
  return new PlatformError('conflict', 'the task ended before the redrive was in its log: ask again');
}
