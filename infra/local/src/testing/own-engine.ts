import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { isPortFree, Problem } from '../processes/index.ts';
import type { ProcessSpec } from '../processes/index.ts';
import { tiedToParent } from '../processes/tied.ts';

const LOOK_MS = 50;

/** One engine as a process of a test's own, without a supervisor: what ends it, and when it is started again, is the test's to say. */
export class OwnEngine {
  #process: ChildProcess | null = null;

  /** Starts it and waits until it answers. `prepared` comes between what the engine prepares and its start. */
  async run(spec: ProcessSpec, prepared?: () => Promise<void>): Promise<void> {
    await spec.prepare?.();
    await prepared?.();
    const { command, args } = tiedToParent(spec.command, spec.args, 'SIGINT');
    const child = spawn(command, [...args], { cwd: spec.cwd, stdio: 'ignore', ...(spec.user ?? {}) });
    this.#process = child;
    for (const deadlineMs = performance.now() + spec.readyTimeoutMs; ;) {
      if (child.exitCode !== null) throw new Problem(`${spec.title} ended with ${child.exitCode} when it was started`);
      const error = await spec.check().then(() => null, String);
      if (error === null) return;
      if (performance.now() > deadlineMs) throw new Problem(`${spec.title} does not answer: ${error}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Resolves when it has ended; at once where it does not run. */
  async stop(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  /** It keeps its connections and does nothing. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }
}

/** A port for it (and for one above), below those that outgoing connections are given. */
export async function ownPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + 2 * randomInt(1_500);
    if ((await isPortFree(port)) && (await isPortFree(port + 1))) return port;
  }
}
