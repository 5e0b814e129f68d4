import type { Platform } from '@millrace/infra-local/supervisor';
import { PlatformError } from '@millrace/kernel/errors';
import { sleep } from '@millrace/kernel/retry';
import type { Gate } from '../gate.ts';

type Status = ReturnType<Platform['status']>['engines'][number];

/** A crowded machine takes minutes to start a search server again. */
const BACK_MS = 600_000;
const LOOK_MS = 20;

/** Kills, stops and freezes supervised processes. What is away or frozen comes back by itself, while others are broken. */
export class ProcessesUnderFire {
  readonly #platform: Platform;
  readonly #gates: ReadonlyMap<string, Gate>;
  readonly #ending = new AbortController();
  /** Of each process that is away: resolves when it may start again, or has been woken. */
  readonly #away = new Map<string, Promise<void>>();

  /** @param gates in front of each process's start, by its name. */
  constructor(platform: Platform, gates: ReadonlyMap<string, Gate>) {
    this.#platform = platform;
    this.#gates = gates;
  }

  /** Resolves when the process does its work. Rejects where it does not come back. */
  async ready(name: string): Promise<void> {
    await this.#away.get(name);
    await this.#until(name, 'become ready', ({ state }) => state === 'ready');
  }

  /** Resolves when there is a process, whatever it does. */
  async running(name: string): Promise<void> {
    await this.#away.get(name);
    await this.#until(name, 'start', ({ pid }) => pid !== null);
  }

  /** Resolves when every process does its work. */
  async whole(): Promise<void> {
    for (const { name } of this.#all()) await this.ready(name);
  }

  /** kill −9; resolves when it is gone. It is started again `awayMs` later, or at once. False where it had ended by itself. */
  async kill(name: string, awayMs: number): Promise<boolean> {
    return this.#end(name, awayMs, () => {
      try {
        this.#platform.kill(name);
        return true;
      } catch {
        return false;
      }
    });
  }

  /** An orderly end; resolves when it is gone. It is started again `awayMs` later. */
  async leave(name: string, awayMs: number): Promise<void> {
    await this.#end(name, awayMs, () => {
      this.#platform.restart(name).catch(() => undefined);
      return true;
    });
  }

  /** SIGSTOP; it is woken `forMs` later. */
  freeze(name: string, forMs: number): void {
    const { pid } = this.#statusOf(name);
    if (pid === null) return;
    process.kill(pid, 'SIGSTOP');
    this.#awayUntil(name, forMs, () => process.kill(pid, 'SIGCONT'));
  }

  /** Nothing is kept away any more, and all is ended. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#away.values());
    await this.#platform.stop();
  }

  async #end(name: string, awayMs: number, end: () => boolean): Promise<boolean> {
    const gate = this.#gates.get(name);
    const { restarts } = this.#statusOf(name);
    if (awayMs > 0) gate?.shut();
    const ended = end();
    if (awayMs > 0) this.#awayUntil(name, awayMs, () => gate?.open());
    if (ended) await this.#until(name, 'end', (status) => status.restarts > restarts);
    return ended;
  }

  #awayUntil(name: string, forMs: number, back: () => void): void {
    const away = sleep(forMs, this.#ending.signal)
      .catch(() => undefined)
      .then(back);
    this.#away.set(name, away);
  }

  async #until(name: string, what: string, holds: (status: Status) => boolean): Promise<void> {
    const deadlineMs = performance.now() + BACK_MS;
    while (!holds(this.#statusOf(name))) {
      if (performance.now() > deadlineMs) {
        throw new PlatformError(
          'engine-died',
          `${name} did not ${what} in ${BACK_MS / 1_000} s: it is ${this.#statusOf(name).state}`,
        );
      }
      await sleep(LOOK_MS);
    }
  }

  #all(): readonly Status[] {
    const { engines, services } = this.#platform.status();
    return [...engines, ...services];
  }

  #statusOf(name: string): Status {
    const found = this.#all().find((status) => status.name === name);
    if (found === undefined) throw new PlatformError('internal', `there is no process ${name}`);
    return found;
  }
}
