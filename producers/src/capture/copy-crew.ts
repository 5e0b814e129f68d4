import type pg from 'pg';
import { CopyStream } from '../replication/copy-stream.ts';
import type { Scheduler } from './watermark-schedule.ts';

/** Holds and fails whatever copies are running, together. */
export class CopyGate {
  readonly #copies = new Set<CopyStream>();
  readonly #reasons = new Set<string>();
  #failure: Error | null = null;

  /** Running copies are held while there is any reason. */
  hold(reason: string, held: boolean): void {
    if (held) this.#reasons.add(reason);
    else this.#reasons.delete(reason);
    for (const copy of this.#copies) this.#apply(copy);
  }

  /** A copy that has just been handed to its connection. Throws where the gate has failed. */
  add(copy: CopyStream): void {
    if (this.#failure !== null) throw this.#failure;
    this.#copies.add(copy);
    this.#apply(copy);
  }

  remove(copy: CopyStream): void {
    this.#copies.delete(copy);
    copy.resume();
  }

  /** Ends the running copies with this error, and every one to come. */
  fail(error: Error): void {
    this.#failure ??= error;
    for (const copy of this.#copies) {
      copy.fail(error);
      copy.resume();
    }
  }

  throwIfFailed(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  #apply(copy: CopyStream): void {
    if (this.#reasons.size > 0) copy.pause();
    else copy.resume();
  }
}

const LOOK_EVERY_ROWS = 64;
/** Less than this is not worth a timer. */
const LEAST_MS = 10;

/** Keeps rows that come by themselves to a rate, by holding their source. 0 is no limit. */
export class RowThrottle {
  readonly #rowsPerSecond: number;
  readonly #scheduler: Scheduler;
  readonly #hold: (held: boolean) => void;
  readonly #beganMs: number;
  #rows = 0;
  #cancel: (() => void) | null = null;

  constructor(rowsPerSecond: number, scheduler: Scheduler, hold: (held: boolean) => void) {
    this.#rowsPerSecond = rowsPerSecond;
    this.#scheduler = scheduler;
    this.#hold = hold;
    this.#beganMs = scheduler.nowMs();
  }

  took(): void {
    this.#rows++;
    if (this.#rowsPerSecond === 0 || this.#rows % LOOK_EVERY_ROWS !== 0 || this.#cancel !== null) return;
    const aheadMs = (this.#rows / this.#rowsPerSecond) * 1_000 - (this.#scheduler.nowMs() - this.#beganMs);
    if (aheadMs < LEAST_MS) return;
    this.#hold(true);
    this.#cancel = this.#scheduler.after(aheadMs, () => {
      this.#cancel = null;
      this.#hold(false);
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}

/**
 * Works off the tasks on several connections at once, each in its snapshot's transaction. The first failure ends all of them; it is thrown when none
 * is running any more.
 */
export async function copyAll<T>(
  clients: readonly pg.Client[],
  tasks: readonly T[],
  gate: CopyGate,
  begin: (task: T) => Promise<{ readonly statement: string; readonly onLine: (line: Buffer) => void }>,
  onDone: (task: T) => void,
): Promise<void> {
  const open = [...tasks];
  const work = async (client: pg.Client): Promise<void> => {
    for (let task = open.shift(); task !== undefined; task = open.shift()) {
      const { statement, onLine } = await begin(task);
      const copy = new CopyStream(statement, onLine);
      client.query(copy);
      gate.add(copy);
      try {
        await copy.ended;
      } finally {
        gate.remove(copy);
      }
      onDone(task);
    }
  };
  const results = await Promise.allSettled(
    clients.map((client) =>
      work(client).catch((error: unknown) => {
        gate.fail(error instanceof Error ? error : new Error(String(error)));
        throw error;
      }),
    ),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  gate.throwIfFailed();
}
