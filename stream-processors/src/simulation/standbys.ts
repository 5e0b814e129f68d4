import type { MemoryLog } from '@millrace/kernel/log-memory';
import { DoubtfulSnapshot } from '../runtime/index.ts';
import type { Standby, WarmStart } from '../runtime/index.ts';
import type { Chance } from './chance.ts';
import { SimulatedClient } from './gates.ts';
import type { ClientOptions, Operation } from './gates.ts';
import type { Place, SimulatedTask } from './place.ts';
import { nameOf } from './sequential.ts';

interface SimulatedStandby {
  readonly task: SimulatedTask;
  readonly process: number;
  readonly client: SimulatedClient;
  readonly standby: Standby;
  readonly stop: AbortController;
  /** It hardly ever comes to read. */
  readonly isSlow: boolean;
  /** A task of its process takes over: it is there until its last read is answered. */
  isTaken: boolean;
}

export interface StandbysOptions {
  readonly place: Place;
  readonly log: MemoryLog;
  readonly pick: Chance;
  readonly client: ClientOptions;
  readonly now: () => number;
  readonly finding: (text: string) => void;
}

const MOST = 6;
const SLOW = 6;

/** The standbys of all processes: begun and given up as chance will have it, read when the schedule comes to them. */
export class SimulatedStandbys {
  readonly #options: StandbysOptions;
  #all: readonly SimulatedStandby[] = [];

  constructor(options: StandbysOptions) {
    this.#options = options;
  }

  /** One may begin, or be given up. */
  consider(processes: number): void {
    const { pick, place } = this.#options;
    this.#all = this.#all.filter(({ isTaken, client }) => !isTaken || client.operations.length > 0);
    if (pick(4) > 0) return;
    if (this.#all.length < MOST) {
      const task = place.tasks[pick(place.tasks.length)];
      if (task !== undefined) this.#begin(task, pick(processes));
    } else if (pick(20) === 0) this.#end(({ isTaken }, at) => at === 0 && !isTaken);
  }

  addOperations(to: Operation[]): void {
    for (const { client, isSlow, isTaken } of this.#all) {
      if (!isSlow || isTaken || this.#options.pick(SLOW) === 0) to.push(...client.operations);
    }
  }

  /** Where a task that starts would find one; null where there is none. */
  processFor(task: SimulatedTask): number | null {
    return this.#all.find((one) => one.task === task && !one.isTaken)?.process ?? null;
  }

  /** For a task that starts in a process. */
  take(task: SimulatedTask, process: number): WarmStart | null {
    const one = this.#all.find((other) => other.task === task && other.process === process && !other.isTaken);
    if (one === undefined) return null;
    one.isTaken = true;
    return one.standby;
  }

  /** Nothing more is done by them. */
  kill(process: number): void {
    this.#end((one) => one.process === process);
  }

  close(): void {
    this.#end(() => true);
  }

  #begin(task: SimulatedTask, process: number): void {
    const { place, log, pick, client: options, now, finding } = this.#options;
    if (this.#all.some((one) => one.task === task && one.process === process)) return;
    const client = new SimulatedClient(log, options);
    const standby = place.standby(task, client, now);
    const one = { task, process, client, standby, stop: new AbortController(), isSlow: pick(2) === 0, isTaken: false };
    this.#all = [...this.#all, one];
    standby.run(one.stop.signal).catch((error: unknown) => {
      this.#end((other) => other === one);
      // It was away for too long.
      if (!(error instanceof DoubtfulSnapshot)) finding(`the standby of ${nameOf(task)} ended: ${String(error)}`);
    });
  }

  #end(which: (one: SimulatedStandby, at: number) => boolean): void {
    for (const { stop, client } of this.#all.filter(which)) {
      stop.abort('over');
      client.operations.length = 0;
    }
    this.#all = this.#all.filter((one, at) => !which(one, at));
  }
}
