import { spawn } from 'node:child_process';
import { Problem } from '../processes/index.ts';

export interface RunOptions {
  readonly cwd: string;
  readonly input?: string;
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** Runs a program to its end. @throws Problem with the end of its output when it fails. */
export async function runToEnd(
  what: string,
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<void> {
  const child = spawn(command, [...args], {
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.user ?? {}),
  });
  let output = '';
  const take = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-4_000);
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(new Problem(`${what} could not be run: ${error.message}.`)));
    child.once('close', resolve);
  });
  if (code === 0) return;
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  if (/no space left/i.test(output))
    throw new Problem(`${what} failed because the disk is full: free some room on the disk of ${options.cwd}.`);
  throw new Problem(`${what} failed (exit code ${code ?? 'none'}): ${lines.slice(-3).join(' | ').slice(0, 600)}`);
}
