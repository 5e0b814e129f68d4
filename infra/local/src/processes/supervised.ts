import { spawn, type ChildProcess } from 'node:child_process';
import { decideRestart } from './backoff.ts';
import { closeLog, lastLines, lastWords, openLog, saysDiskFull } from './log-tail.ts';
import { refuseTakenPorts } from './ports.ts';
import { Problem } from './problem.ts';
import { tiedToParent } from './tied.ts';
import type { ProcessSpec, ProcessState, ProcessStatus } from './spec.ts';

/** Time, so that tests need no waiting. */
export interface Clock {
  now(): number;
  /** Resolves after `ms`, or at once when the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
    }),
};

export interface SupervisedOptions {
  readonly logPath: string;
  /** The environment that children inherit. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Called after every change that `status()` shows. */
  readonly onChange: (process: SupervisedProcess) => void;
  /** One clear sentence about something that went wrong and is being dealt with. */
  readonly onNotice: (sentence: string) => void;
}

const readyPollMs = 100;
const healthPollMs = 5_000;

/** Keeps one process running until it is told to stop. */
export class SupervisedProcess {
  readonly spec: ProcessSpec;
  readonly #options: SupervisedOptions;
  #state: ProcessState = 'waiting';
  #child: ChildProcess | undefined;
  #restarts = 0;
  #halt = new AbortController();
  #running: Promise<void> | undefined;
  #restartWanted = false;
  readonly #watchers: { resolve: () => void; reject: (problem: Problem) => void }[] = [];
  #everReady = false;

  constructor(spec: ProcessSpec, options: SupervisedOptions) {
    this.spec = spec;
    this.#options = options;
  }

  status(): ProcessStatus {
    return {
      name: this.spec.name,
      pid: this.#child?.pid ?? null,
      port: this.spec.port,
      state: this.#state,
      version: this.spec.version,
      restarts: this.#restarts,
    };
  }

  /**
   * Starts the process; resolves when it is ready for the first time.
   * @throws Problem when it cannot start: port taken, or it ended several times before it was ready.
   */
  start(): Promise<void> {
    if (this.#running !== undefined) throw new Error(`${this.spec.name} is already started`);
    this.#halt = new AbortController();
    this.#everReady = false;
    return new Promise((resolve, reject) => {
      this.#running = this.#keepRunning(resolve).then(
        () => reject(new Problem(`${this.spec.title} was stopped before it was ready.`)),
        (error: unknown) => {
          this.#enter('failed');
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  /** Ends the process and stays down; resolves when no process is left. */
  async stop(): Promise<void> {
    this.#halt.abort();
    await this.#running;
    this.#running = undefined;
    this.#enter('stopped');
  }

  /**
   * Ends the present process in an orderly way; it comes back at once, counted as a restart. Resolves when it is ready.
   * @throws Problem when it is stopped meanwhile, or not started at all.
   */
  async restart(): Promise<void> {
    if (this.#running === undefined) throw new Problem(`${this.spec.title} is not started.`);
    const child = this.#child;
    if (child !== undefined) {
      this.#restartWanted = true;
      await this.#endChild(child);
    }
    await new Promise<void>((resolve, reject) => this.#watchers.push({ resolve, reject }));
  }

  /** A method, since the answer changes while we wait. */
  #halted(): boolean {
    return this.#halt.signal.aborted;
  }

  #enter(state: ProcessState): void {
    if (this.#state === state) return;
    this.#state = state;
    const over = state === 'stopped' || state === 'failed';
    if (over || state === 'ready' || state === 'unhealthy') {
      for (const watcher of this.#watchers.splice(0)) {
        if (over) watcher.reject(new Problem(`${this.spec.title} was stopped before it was ready.`));
        else watcher.resolve();
      }
    }
    this.#options.onChange(this);
  }

  /** Runs until stopped. Resolves after `stop`, rejects when given up. */
  async #keepRunning(onFirstReady: () => void): Promise<void> {
    const { clock } = this.#options;
    let failures = 0;
    while (!this.#halted()) {
      this.#enter(this.#everReady ? 'restarting' : 'starting');
      await this.#prepare();
      if (this.#halted()) return;
      const startedAt = clock.now();
      const child = this.#spawn();
      const ended = endOf(child);
      await this.#supervise(child, ended, () => {
        this.#everReady = true;
        onFirstReady();
      });
      const end = await ended;
      this.#child = undefined;
      if (this.#halted()) return;
      this.#restarts += 1;
      if (this.#restartWanted) {
        this.#restartWanted = false;
        failures = 0;
        continue;
      }
      const decision = decideRestart(this.spec.restart, {
        everReady: this.#everReady,
        ranForMs: clock.now() - startedAt,
        earlierFailures: failures,
      });
      const sentence = await this.#endSentence(end);
      if (decision.kind === 'give-up') throw new Problem(`${sentence} Gave up after ${decision.failures} tries.`);
      failures = decision.failures;
      this.#enter(this.#everReady ? 'restarting' : 'starting');
      this.#options.onNotice(`${sentence} Starting it again in ${decision.delayMs} ms.`);
      await clock.wait(decision.delayMs, this.#halt.signal);
    }
  }

  /** Before the first readiness a problem is final; later it is waited out, since the process was well here before. */
  async #prepare(): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await refuseTakenPorts(this.spec.title, this.spec.ports);
        await this.spec.prepare?.();
        return;
      } catch (error) {
        if (!this.#everReady || this.#halted()) throw error;
        this.#options.onNotice(`${error instanceof Error ? error.message : String(error)} Trying again.`);
        await this.#options.clock.wait(Math.min(10_000, 500 * 2 ** attempt), this.#halt.signal);
        if (this.#halted()) return;
      }
    }
  }

  #spawn(): ChildProcess {
    const { spec } = this;
    const log = openLog(this.#options.logPath);
    try {
      const { command, args } = tiedToParent(spec.command, spec.args, spec.stopSignal);
      const child = spawn(command, [...args], {
        cwd: spec.cwd,
        env: { ...this.#options.env, ...spec.env },
        stdio: ['ignore', log, log],
        // A group of its own: Ctrl-C in a terminal reaches only the supervisor, which then stops all in order.
        detached: true,
        ...(spec.user ?? {}),
      });
      child.on('error', () => undefined);
      this.#child = child;
      this.#options.onChange(this);
      return child;
    } finally {
      closeLog(log);
    }
  }

  /** Waits until ready, then watches, until the process ends or a stop is asked for.. */
  async #supervise(child: ChildProcess, ended: Promise<End>, onReady: () => void): Promise<void> {
    const { clock } = this.#options;
    const over = new AbortController();
    const isOver = (): boolean => over.signal.aborted;
    const haltChild = (): void => {
      this.#enter('stopping');
      void this.#endChild(child);
    };
    if (this.#halted()) haltChild();
    else this.#halt.signal.addEventListener('abort', haltChild, { once: true });
    void ended.then(() => over.abort());
    const deadline = clock.now() + this.spec.readyTimeoutMs;
    let ready = false;
    let told: string | null = null;
    while (!isOver() && !this.#halted()) {
      const { healthy, lacks } = await this.#health();
      if (isOver() || this.#halted()) break;
      if (healthy && !ready) {
        ready = true;
        onReady();
      }
      if (lacks !== null && lacks !== told) this.#options.onNotice(`${this.spec.title}: ${lacks}.`);
      told = healthy ? lacks : told;
      if (ready) this.#enter(healthy && lacks === null ? 'ready' : 'unhealthy');
      else if (clock.now() > deadline) {
        this.#options.onNotice(
          `${this.spec.title} was not ready after ${Math.round(this.spec.readyTimeoutMs / 1000)} s; see ${this.#options.logPath}.`,
        );
        await this.#endChild(child);
        break;
      }
      await clock.wait(ready && healthy ? healthPollMs : readyPollMs, over.signal);
    }
    await ended;
    this.#halt.signal.removeEventListener('abort', haltChild);
  }

  /** `lacks`: it works, but for this. */
  async #health(): Promise<{ healthy: boolean; lacks: string | null }> {
    try {
      return { healthy: true, lacks: (await this.spec.check()) ?? null };
    } catch {
      return { healthy: false, lacks: null };
    }
  }

  async #endChild(child: ChildProcess): Promise<void> {
    const ended = endOf(child);
    if (child.exitCode === null && child.signalCode === null) child.kill(this.spec.stopSignal);
    const timer = setTimeout(() => killGroup(child), this.spec.stopTimeoutMs);
    await ended;
    clearTimeout(timer);
  }

  async #endSentence(end: End): Promise<string> {
    const how = end.error ?? (end.signal === null ? `exit code ${end.code ?? 'unknown'}` : `signal ${end.signal}`);
    // Who is killed says nothing about it; what the log has last is beside the point.
    if (end.signal === 'SIGKILL')
      return `${this.spec.title} was killed (signal SIGKILL: by hand, or by the system short of memory).`;
    const lines = await lastLines(this.#options.logPath, 10);
    if (saysDiskFull(lines))
      return `${this.spec.title} ended because the disk is full: free some room on the disk of ${this.#options.logPath}.`;
    return `${this.spec.title} ended unexpectedly (${how}); its log is ${this.#options.logPath}.${lastWords(lines)}`;
  }
}

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly error?: string;
}

function endOf(child: ChildProcess): Promise<End> {
  if (child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode });
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', (error) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, error: error.message });
    });
  });
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}
