import { PlatformError, isKind } from '@millrace/kernel/errors';
import { sleep } from '@millrace/kernel/retry';
import type { CaptureClient, Resnapshot, ResnapshotScope } from '../../capture/index.ts';
import type { Act, TimedAct } from './acts.ts';
import { retypedColumn } from './audit.ts';
import { changeSchema } from './source.ts';

/** A process, and what it may be asked. */
export interface ControlledProducer {
  readonly client: CaptureClient;
  readonly running: boolean;
}

export interface OperatorOptions {
  readonly databaseUrl: string;
  readonly acts: Iterator<TimedAct, never>;
  /** The one that runs now; null where none says its port yet. */
  readonly producer: () => ControlledProducer | null;
  /** How long an act may take at most, the producer being killed all the while. */
  readonly patienceMs: number;
}

export type ActCounts = Readonly<Record<Act['kind'], number>>;

const AGAIN_MS = 100;
const MOST_OUTSTANDING = 3;
const QUIET_MS = 60_000;
const PARKED = 'commerce.addresses';

/** Does act after act, each until it has succeeded, whoever is killed meanwhile, until it is stopped. */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #failure: { readonly error: unknown } | null = null;
  #abandoned = false;
  readonly #counts = { 'add-column': 0, 'drop-column': 0, resnapshot: 0, hold: 0, park: 0 };

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#running = this.#run();
    this.#running.catch((error: unknown) => {
      this.#failure = { error };
    });
  }

  /** Acts done so far. */
  get counts(): ActCounts {
    return this.#counts;
  }

  /** Ends with the act at work, once every re-snapshot has ended. Resolves with those that failed. Rejects where an act did not succeed. */
  async stop(): Promise<readonly string[]> {
    this.#stop.abort();
    await this.#running;
    const ended = await this.#ask(async (client) => {
      const all = await client.resnapshots();
      if (!all.every(hasEnded)) throw new PlatformError('conflict', 'some go on');
      return all;
    }, 'end its re-snapshots');
    return ended
      .filter(({ state }) => state !== 'done')
      .map(({ id, state, detail }) => `re-snapshot ${id} ${state}: ${detail ?? ''}`);
  }

  /** Throws what an act failed with, if one has. */
  check(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Ends without a word, where it does not matter any more. */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    this.#stop.abort();
    await this.#running.catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      const act = this.#options.acts.next().value;
      await sleep(act.afterMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      if (await this.#do(act)) this.#counts[act.kind]++;
    }
  }

  /** Answers whether it was done, rather than left out. */
  async #do(act: Act): Promise<boolean> {
    switch (act.kind) {
      case 'add-column':
        await this.#alter(`alter table commerce.${act.table} add column if not exists ${act.column} text`);
        return true;
      case 'drop-column':
        await this.#alter(`alter table commerce.${act.table} drop column if exists ${act.column}`);
        return true;
      case 'resnapshot':
        return this.#resnapshot(act.scope);
      case 'hold':
        await this.#hold(act.forMs);
        return true;
      case 'park':
        return this.#park(act.n, act.forMs);
    }
  }

  #alter(...statements: string[]): Promise<void> {
    return changeSchema(this.#options.databaseUrl, statements, this.#options.patienceMs);
  }

  async #resnapshot(scope: ResnapshotScope): Promise<boolean> {
    if ((await this.#outstanding()) >= MOST_OUTSTANDING) return false;
    await this.#ask((client) => client.resnapshot(scope), 'take a re-snapshot');
    return true;
  }

  /** Of one process, which is resumed whether it has answered the pause or not, unless it is dead. */
  async #hold(forMs: number): Promise<void> {
    await this.#ask(async (client, producer) => {
      try {
        await client.pause();
        await sleep(forMs);
      } finally {
        await this.#goOn(producer);
      }
    }, 'pause');
  }

  /** One that stands still answers later. */
  async #goOn(producer: ControlledProducer): Promise<void> {
    const deadlineMs = performance.now() + this.#options.patienceMs;
    for (;;) {
      try {
        await producer.client.resume();
        return;
      } catch (error) {
        if (!producer.running || this.#abandoned) return;
        if (!isPassing(error) || performance.now() > deadlineMs) throw error;
        await sleep(AGAIN_MS);
      }
    }
  }

  async #park(n: number, forMs: number): Promise<boolean> {
    const deadlineMs = performance.now() + QUIET_MS;
    while ((await this.#outstanding()) > 0) {
      if (performance.now() > deadlineMs || this.#abandoned) return false;
      await sleep(AGAIN_MS);
    }
    const column = retypedColumn(n);
    await this.#alter(
      `alter table ${PARKED} alter column ${column} type int using ${column}::int`,
      `update audit.shape set shape = ${n}`,
    );
    await this.#parked();
    await sleep(forMs);
    await this.#ask(async (client) => {
      await client.resume(PARKED).catch((error: unknown) => {
        // One before has taken it up, and its answer was lost.
        if (!isKind(error, 'not-found')) throw error;
      });
    }, `resume ${PARKED}`);
    return true;
  }

  async #parked(): Promise<void> {
    await this.#ask(async (client) => {
      const { parked } = (await client.status()) as { parked?: readonly { readonly table: string }[] };
      if (parked?.some(({ table }) => table === PARKED) !== true) throw new PlatformError('conflict', 'it flows');
    }, `park ${PARKED}`);
  }

  /** Re-snapshots that have not ended. */
  async #outstanding(): Promise<number> {
    const all = await this.#ask((client) => client.resnapshots(), 'tell of its re-snapshots');
    return all.filter((one) => !hasEnded(one)).length;
  }

  /** Asks whichever producer there is until it can: it may be dead, starting, or not streaming yet. */
  async #ask<T>(step: (client: CaptureClient, producer: ControlledProducer) => Promise<T>, what: string): Promise<T> {
    const deadlineMs = performance.now() + this.#options.patienceMs;
    let last = 'none runs';
    for (;;) {
      const producer = this.#options.producer();
      try {
        if (producer !== null) return await step(producer.client, producer);
      } catch (error) {
        if (!isPassing(error)) throw error;
        last = error instanceof Error ? error.message : String(error);
      }
      if (this.#abandoned || performance.now() > deadlineMs)
        throw new PlatformError('internal', `no producer did ${what}: ${last}`);
      await sleep(AGAIN_MS);
    }
  }
}

/** The producer is dead, is starting, or cannot do it yet. */
function isPassing(error: unknown): boolean {
  return isKind(error, 'engine-unreachable') || isKind(error, 'conflict');
}

function hasEnded({ state }: Resnapshot): boolean {
  return state !== 'queued' && state !== 'running';
}
