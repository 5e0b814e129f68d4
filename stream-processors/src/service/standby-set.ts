import { asPlatformError } from '@millrace/kernel/errors';
import { backoffDelayMs, sleep } from '@millrace/kernel/retry';
import type { Logger } from '@millrace/kernel/telemetry';
import type { Standby, StandbyReport, WarmStart } from '../runtime/index.ts';
import type { TaskName } from './placement.ts';

export interface StandbySetOptions {
  /** Null where there is nothing to copy. */
  readonly open: (name: TaskName) => Promise<Standby | null>;
  readonly logger: Logger;
}

interface Held {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  standby: Standby | null;
  /** A task of this process has asked for it: it reads no more. */
  isWanted: boolean;
}

const backoff = { initialMs: 1_000, maxMs: 60_000, jitter: 0.5 };

/**
 * The standbys of this process, for tasks that others have. One that cannot read on begins anew, and disturbs nobody: the worst that happens without it is that a
 * task reads its whole log. When a task of that name starts here, it takes over what its standby has read.
 */
export class StandbySet {
  readonly #options: StandbySetOptions;
  readonly #held = new Map<TaskName, Held>();
  #closing: Promise<unknown>[] = [];

  constructor(options: StandbySetOptions) {
    this.#options = options;
  }

  get names(): readonly TaskName[] {
    return [...this.#held.keys()];
  }

  /** Those that have been at their log's end. */
  get warm(): readonly TaskName[] {
    return [...this.#held].flatMap(([name, { standby }]) => (standby?.report()?.isWarm === true ? [name] : []));
  }

  get reports(): readonly { readonly name: TaskName; readonly report: StandbyReport }[] {
    return [...this.#held].flatMap(([name, { standby }]) => {
      const report = standby?.report() ?? null;
      return report === null ? [] : [{ name, report }];
    });
  }

  /** Starts what is new and ends what is neither there any more nor of one of the `tasks` of this process, which take it over when they start. */
  have(names: readonly TaskName[], tasks: readonly TaskName[]): void {
    for (const [name, held] of this.#held) {
      const stays = names.includes(name) && !held.isWanted;
      if (stays || tasks.includes(name)) continue;
      held.stop.abort();
      this.#held.delete(name);
      this.#closing.push(held.ended.then(() => held.standby?.close()));
    }
    for (const name of names) {
      if (this.#held.has(name)) continue;
      const held: Held = {
        stop: new AbortController(),
        standby: null,
        isWanted: false,
        ended: Promise.resolve().then(() => this.#keep(name, held)),
      };
      this.#held.set(name, held);
    }
  }

  /** What there is of a task that starts here. */
  warmStart(name: TaskName): WarmStart | undefined {
    const held = this.#held.get(name);
    if (held === undefined) return undefined;
    const { standby } = held;
    const end = (): void => {
      held.stop.abort();
      if (this.#held.get(name) === held) this.#held.delete(name);
    };
    if (standby === null) {
      end();
      return undefined;
    }
    return {
      rest: async () => {
        held.isWanted = true;
        await standby.rest();
      },
      take: (log, identity) => {
        end();
        return standby.take(log, identity);
      },
    };
  }

  async close(): Promise<void> {
    this.have([], []);
    const closing = this.#closing;
    this.#closing = [];
    await Promise.all(closing);
  }

  async #keep(name: TaskName, held: Held): Promise<void> {
    const { open, logger } = this.#options;
    const { signal } = held.stop;
    const isOver = (): boolean => signal.aborted || held.isWanted;
    for (let attempt = 1; !isOver(); attempt++) {
      try {
        held.standby = await open(name);
        if (held.standby === null) return;
        logger.info({ task: name }, 'a standby of the task reads its log');
        await held.standby.run(signal);
        if (!held.isWanted) await held.standby.close();
        return;
      } catch (error) {
        held.standby = null;
        if (isOver()) return;
        const { kind, message } = asPlatformError(error);
        logger.warn({ task: name, kind, reason: message }, 'the standby begins anew');
        await sleep(backoffDelayMs(attempt, backoff), signal).catch(() => undefined);
      }
    }
  }
}
