import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { nodeArguments } from '@millrace/kernel/lifecycle';
import { inherited } from '../road/road.ts';
import type { Road } from '../road/road.ts';

/** How a command ended; code null: it was killed. */
export interface Ended {
  readonly code: number | null;
  /** Its standard output: one JSON document where it came to an end. */
  readonly answer: string;
  readonly said: string;
}

const MILLRACE = fileURLToPath(new URL('../../cli/bin/millrace.js', import.meta.url));

/** The operator's command as a process of its own, which may be killed. */
export class Command {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #answer = '';
  #said = '';

  constructor(road: Road, ...words: readonly string[]) {
    const { healthPorts } = road;
    const at = (name: string): string => `http://127.0.0.1:${healthPorts[name] ?? 0}`;
    const env = {
      ...{ ...inherited(), ...road.env },
      ...{ PRODUCERS_URL: at('producers'), SINKS_URL: at('sinks'), PROCESSORS_URLS: at('stream-processors') },
    };
    const child = spawn(process.execPath, [...nodeArguments('cli'), MILLRACE, ...words, '--json'], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => (this.#answer += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.#said += chunk.toString()));
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, answer: this.#answer, said: this.#said }));
    });
  }

  /** What it has told of its progress. */
  get said(): string {
    return this.#said;
  }

  get isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** kill −9. False where it had ended before. */
  async kill(): Promise<boolean> {
    const isKilled = !this.isOver && this.#child.kill('SIGKILL');
    await this.ended;
    return isKilled;
  }
}
