import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { nodeArguments } from '@millrace/kernel/lifecycle';
import { builtProgram } from '../built-program.ts';

const KEPT_LINES = 40;

/** The producers as a process of its own, to be killed and paused. */
export class ProducerProcess {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #rest = '';
  #streaming = false;
  #snapshot = false;
  #healthPort: number | null = null;

  /** @throws PlatformError `prerequisite-missing` where the producers are not built. */
  constructor(environment: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [...nodeArguments('producers'), builtProgram('producers', 'main.js')], {
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', KAFKAJS_NO_PARTITIONER_WARNING: '1', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const take = (chunk: Buffer): void => this.#take(chunk.toString());
    this.#child.stdout?.on('data', take);
    this.#child.stderr?.on('data', take);
  }

  /** The last lines that it logged. */
  get lastLines(): readonly string[] {
    return this.#lines;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  /** Whether it has said that it streams. */
  get streaming(): boolean {
    return this.#streaming;
  }

  /** Whether it has begun a snapshot. */
  get snapshot(): boolean {
    return this.#snapshot;
  }

  /** Its operator's port on this machine; null before it has said so. */
  get healthPort(): number | null {
    return this.#healthPort;
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void {
    this.#child.kill(name);
  }

  async ended(): Promise<void> {
    if (this.running) await once(this.#child, 'exit');
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.includes('"streaming"')) this.#streaming = true;
      if (line.includes('"snapshot begins"')) this.#snapshot = true;
      const port = /"healthPort":(\d+)/.exec(line)?.[1];
      if (port !== undefined) this.#healthPort = Number(port);
      this.#lines.push(line);
    }
    this.#lines.splice(0, this.#lines.length - KEPT_LINES);
  }
}
