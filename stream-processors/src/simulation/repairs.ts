import { isKind } from '@millrace/kernel/errors';
import type { TaskRunner } from '../runtime/index.ts';
import type { Chance } from './chance.ts';
import { LAST_RELEASE } from './poison.ts';
import type { Release } from './poison.ts';
import type { Broken } from './simulate.ts';

interface Running {
  readonly runner: TaskRunner | null;
}

/** One release after the other, and operators who ask for redrives at any moment, of tasks of any release, also of superseded ones. */
export class SimulatedRepairs {
  /** Of the tasks that start now. */
  release: Release = 0;
  /** Redrives after which nothing waited. */
  done = 0;
  readonly #pick: Chance;
  readonly #finding: (text: string) => void;

  constructor(pick: Chance, finding: (text: string) => void) {
    this.#pick = pick;
    this.#finding = finding;
  }

  /** The next release may come, and somebody may ask for a redrive. */
  consider(running: readonly Running[]): void {
    if (this.release < LAST_RELEASE && this.#pick(150) === 0) this.release++;
    if (this.#pick(5) > 0) return;
    const parked = running.flatMap(({ runner }) => (runner !== null && runner.task.parked.size > 0 ? [runner] : []));
    const runner = parked[this.#pick(Math.max(1, parked.length))];
    if (runner === undefined) return;
    const waiting = runner.task.parked.list();
    const one = waiting[this.#pick(waiting.length)];
    if (one === undefined) return;
    runner.redrive(one.aggregate).then(
      ({ waiting: left }) => {
        if (left === 0) this.done++;
      },
      (error: unknown) => {
        // It is being redriven, or was; or letters are there already of rows that this task has not come to.
        if (isKind(error, 'conflict') || isKind(error, 'not-found') || isKind(error, 'log-unknown-outcome')) return;
        this.#finding(`a redrive of ${one.aggregate} ended: ${String(error)}`);
      },
    );
  }
}

/** A runtime whose redrives lack one of their parts. */
export function breakRepairs({ task }: TaskRunner, broken: Broken | undefined): void {
  const { parked } = task;
  switch (broken) {
    case 'redrive-backwards': {
      const redrive = task.redrive.bind(task);
      task.redrive = (asked) => redrive({ ...asked, steps: [...asked.steps].reverse() });
      return;
    }
    case 'rows-pass-parked': {
      const has = parked.has.bind(parked);
      const release = parked.release.bind(parked);
      const passes = (): boolean => false;
      parked.has = passes;
      parked.release = (state) => {
        parked.has = has;
        release(state);
        parked.has = passes;
      };
      return;
    }
    default:
  }
}
