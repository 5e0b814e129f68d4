import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { inherited } from './road.ts';
import type { Road } from './road.ts';

const PROGRAM = fileURLToPath(new URL('../../cli/bin/millrace.js', import.meta.url));

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  /** What it answered: a JSON document for each line. */
  readonly answers: readonly unknown[];
  readonly notes: string;
}

/** A command of the operator's, given to the road's platform as a process of its own, under `--json`. */
export class Command {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;

  constructor({ env, healthPorts }: Road, ...words: readonly string[]) {
    const at = (name: string): string => `http://127.0.0.1:${healthPorts[name] ?? 0}`;
    const urls = {
      PRODUCERS_URL: at('producers'),
      PROCESSORS_URLS: at('stream-processors'),
      SINKS_URL: at('sinks'),
      KAFKAJS_NO_PARTITIONER_WARNING: '1',
    };
    const child = spawn(process.execPath, [PROGRAM, ...words, '--json'], {
      env: { ...inherited(), ...env, ...urls },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let output = '';
    let notes = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (notes += chunk.toString()));
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        const lines = output.split('\n').filter((line) => line !== '');
        resolve({ code, answers: lines.map((line): unknown => JSON.parse(line)), notes });
      });
    });
  }

  /** What ^C does. */
  interrupt(): void {
    this.#child.kill('SIGINT');
  }

  /** Ends it at once, whatever it is doing. */
  abandon(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Gives a command and waits for its end. */
export function millrace(road: Road, ...words: readonly string[]): Promise<Ended> {
  return new Command(road, ...words).ended;
}
