import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { sleep } from '@millrace/kernel/retry';
import { environment } from '@millrace/kernel/config';
import { nodeArguments } from '@millrace/kernel/lifecycle';
import { builtProgram } from '../../built-program.ts';
import { argumentsOf } from './operator-acts.ts';
import type { OperatorAct } from './operator-acts.ts';

/** How a command ended; code null: it was killed. */
interface Ended {
  readonly code: number | null;
  readonly said: string;
}

/** An act must be done after so long, faults going on all the while, on a machine however slow. */
const PATIENCE_MS = 1_800_000;
const AGAIN_MS = 500;
const LOOK_MS = 20;
const KEPT = 600;
/** A filling that a store refuses for good; no fault excuses it. */
const REFUSED = 'cannot go on';

/**
 * Gives the operator's commands one after the other, as processes that may be killed; one that was killed, or failed while a store was away, is
 * given again until it has succeeded.
 */
export class OperatorUnderFire {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #acts: Iterator<OperatorAct>;
  readonly #findings: string[] = [];
  readonly #failures = new Map<string, number>();
  readonly #done = { rebuild: 0, rollback: 0, drop: 0 };
  #child: ChildProcess | null = null;
  #isRebuild = false;
  #stopping = false;
  #running: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;

  constructor(variables: Readonly<Record<string, string>>, acts: Iterator<OperatorAct>) {
    const { PATH = '' } = environment();
    this.#environment = { PATH, KAFKAJS_NO_PARTITIONER_WARNING: '1', ...variables };
    this.#acts = acts;
  }

  get done(): Readonly<Record<OperatorAct['kind'], number>> {
    return this.#done;
  }

  /** What no fault excuses. */
  get findings(): readonly string[] {
    return this.#findings;
  }

  /** How often commands failed, and were given again, by what they said. */
  get failures(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#failures);
  }

  start(): void {
    this.#running = this.#run();
    this.#running.catch((error: unknown) => {
      this.#failure = { error };
    });
  }

  /** kill −9 of a rebuild, so long after it has begun. False where it had ended by then. */
  async killRebuild(afterMs: number): Promise<boolean> {
    while (this.#child === null || !this.#isRebuild) {
      if (this.#failure !== null) throw this.#failure.error;
      await sleep(LOOK_MS);
    }
    const child = this.#child;
    await sleep(afterMs);
    if (child.exitCode !== null || child.signalCode !== null) return false;
    return child.kill('SIGKILL');
  }

  /** Resolves when what was begun is done. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  /** Ends at once, whatever is under way. */
  async abandon(): Promise<void> {
    this.#stopping = true;
    while (this.#child !== null) {
      this.#child.kill('SIGKILL');
      await sleep(LOOK_MS);
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const next = this.#acts.next();
      if (next.done === true) return;
      if (await this.#untilDone(next.value)) this.#done[next.value.kind]++;
    }
  }

  /** False where it was found that it cannot be done. */
  async #untilDone(act: OperatorAct): Promise<boolean> {
    const words = argumentsOf(act);
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const { code, said } = await this.#give(words, act.kind === 'rebuild');
      if (code === 0) return true;
      if (code === 3) return this.#found(`${words.join(' ')} found a difference: ${said}`, act);
      if (said.includes('has no previous generation')) return false;
      if (said.includes(REFUSED)) return this.#found(`${words.join(' ')}: ${said}`, act);
      if (performance.now() > deadlineMs)
        return this.#found(`${words.join(' ')} does not come to an end: ${said}`, act);
      if (code !== null) this.#failures.set(said, (this.#failures.get(said) ?? 0) + 1);
      await sleep(AGAIN_MS);
    }
  }

  async #found(finding: string, act: OperatorAct): Promise<false> {
    this.#findings.push(finding);
    if (act.kind === 'rebuild') await this.#give(['rebuild', act.view, '--cancel'], false);
    return false;
  }

  #give(words: readonly string[], isRebuild: boolean): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const args = [...nodeArguments('cli'), builtProgram('cli', 'main.js'), ...words];
      const child = spawn(process.execPath, args, { env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] });
      this.#child = child;
      this.#isRebuild = isRebuild;
      let result = '';
      let errors = '';
      child.stdout.on('data', (chunk: Buffer) => (result += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      child.once('error', reject);
      child.once('close', (code) => {
        this.#child = null;
        const failure = errors.split('\n').find((line) => line.startsWith('millrace:'));
        resolve({ code, said: (failure ?? (result === '' ? errors : result)).slice(0, KEPT) });
      });
    });
  }
}
