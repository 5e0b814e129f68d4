import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { PlatformError } from '@millrace/kernel/errors';
import { startProgram } from '../child-program.ts';

/** Of a part of `millrace bench processing`: `PART` and what it needs. */
export type PartEnvironment = Readonly<Record<string, string>>;

/** What a part prints, once it has ended well. @throws PlatformError `internal` where it did not. */
export async function part<T = unknown>(env: PartEnvironment): Promise<T> {
  const { first, ended } = started(env);
  const text = await first;
  const code = await ended;
  if (code !== 0)
    throw new PlatformError('internal', `part ${env['PART'] ?? ''} of the bench ended with ${code ?? 'a signal'}`);
  return JSON.parse(text) as T;
}

interface Started {
  readonly child: ChildProcess;
  /** Its first line; rejects where it ends without one. */
  readonly first: Promise<string>;
  readonly ended: Promise<number | null>;
}

/** A part as a process of its own; `told` every line that it prints. */
export function started(env: PartEnvironment, told: (line: string) => void = () => undefined): Started {
  const child = startProgram('stream-processors', 'bench/main.js', env);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  const first = new Promise<string>((resolve, reject) => {
    const lines = createInterface({ input: child.stdout });
    lines.once('line', resolve);
    lines.on('line', told);
    lines.once('close', () =>
      reject(new PlatformError('internal', `part ${env['PART'] ?? ''} of the bench said nothing`)),
    );
  });
  return { child, first, ended };
}
