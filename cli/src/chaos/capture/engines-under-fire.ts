import type { Platform } from '@millrace/infra-local/supervisor';
import { PlatformError } from '@millrace/kernel/errors';
import { sleep } from '@millrace/kernel/retry';
import type { Gate } from '../gate.ts';
import type { EngineFault } from './faults.ts';

const BACK_MS = 120_000;
const LOOK_MS = 100;

/** Carries out faults on supervised engines, one at a time; of those of brokers the end is not waited for, so that others happen meanwhile. */
export class EnginesUnderFire {
  readonly #platform: Platform;
  readonly #brokers: readonly string[];
  readonly #gate: Gate;
  readonly #ending = new AbortController();
  #healing: Promise<void> = Promise.resolve();

  /**
   * @param brokers their names in the platform.
   * @param gate in front of each broker's start.
   */
  constructor(platform: Platform, brokers: readonly string[], gate: Gate) {
    this.#platform = platform;
    this.#brokers = brokers;
    this.#gate = gate;
  }

  /** Resolves when Postgres is back; of brokers, when the damage is done. Rejects where what broke before did not come back. */
  async breakDown(fault: EngineFault): Promise<void> {
    await this.whole();
    switch (fault.kind) {
      case 'postgres':
        return this.#back(this.#end(['postgres'], fault.how));
      case 'outage':
      case 'broker':
        // Whoever asks whether all is whole gets the failure.
        this.#healing = this.#breakKafka(fault);
        this.#healing.catch(() => undefined);
    }
  }

  /** Resolves when all that was broken is back. */
  async whole(): Promise<void> {
    await this.#healing;
  }

  /** Nothing is kept down any more. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#healing.catch(() => undefined);
  }

  #breakKafka(fault: Extract<EngineFault, { forMs: number }>): Promise<void> {
    if (fault.kind === 'outage') return this.#down(this.#brokers, 'kill', fault.forMs);
    const name = this.#brokers[fault.broker - 1] ?? '';
    return fault.how === 'freeze' ? this.#freeze(name, fault.forMs) : this.#down([name], fault.how, fault.forMs);
  }

  async #down(names: readonly string[], how: 'kill' | 'stop', forMs: number): Promise<void> {
    this.#gate.shut();
    const restarts = this.#end(names, how);
    await this.#wait(forMs);
    this.#gate.open();
    await this.#back(restarts);
  }

  async #freeze(name: string, forMs: number): Promise<void> {
    const { pid } = this.#statusOf(name);
    if (pid === null) throw new PlatformError('engine-died', `${name} does not run`);
    process.kill(pid, 'SIGSTOP');
    await this.#wait(forMs);
    process.kill(pid, 'SIGCONT');
  }

  /** Returns how often each was started again before. */
  #end(names: readonly string[], how: 'kill' | 'stop'): ReadonlyMap<string, number> {
    const restarts = new Map(names.map((name) => [name, this.#statusOf(name).restarts]));
    for (const name of names) {
      if (how === 'kill') this.#platform.kill(name);
      else this.#platform.restart(name).catch(() => undefined);
    }
    return restarts;
  }

  /** Resolves when the supervisor has started all of them again. */
  async #back(restarts: ReadonlyMap<string, number>): Promise<void> {
    const isBack = ([name, before]: readonly [string, number]): boolean => {
      const status = this.#statusOf(name);
      return status.state === 'ready' && status.restarts > before;
    };
    const deadlineMs = performance.now() + BACK_MS;
    for (;;) {
      const missing = [...restarts].filter((one) => !isBack(one));
      if (missing.length === 0 || this.#ending.signal.aborted) return;
      if (performance.now() > deadlineMs)
        throw new PlatformError('engine-died', `${missing.map(([name]) => name).join()} did not come back`);
      await sleep(LOOK_MS);
    }
  }

  /** At most until the end. */
  async #wait(forMs: number): Promise<void> {
    await sleep(forMs, this.#ending.signal).catch(() => undefined);
  }

  #statusOf(name: string): ReturnType<Platform['status']>['engines'][number] {
    const found = this.#platform.status().engines.find((engine) => engine.name === name);
    if (found === undefined) throw new PlatformError('internal', `there is no engine ${name}`);
    return found;
  }
}
