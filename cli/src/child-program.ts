import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { PlatformError } from '@millrace/kernel/errors';
import { nodeArguments } from '@millrace/kernel/lifecycle';
import { builtProgram } from './built-program.ts';

/** A child is given these variables and no others of ours. */
export type ChildEnvironment = Readonly<Record<string, string>>;

const ALWAYS: ChildEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', KAFKAJS_NO_PARTITIONER_WARNING: '1' };
const KEPT_ERRORS = 2_000;

/** Starts a program of another workspace: its output is the caller's to read, its errors go where this process's go. */
export function startProgram(
  workspace: string,
  name: string,
  environment: ChildEnvironment,
): ChildProcessByStdio<null, Readable, null> {
  return spawn(process.execPath, [...nodeArguments(workspace), builtProgram(workspace, name)], {
    env: { ...ALWAYS, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** All that a program of another workspace writes, once it has ended well; as `childOutput`. */
export function programOutput(workspace: string, name: string, environment: ChildEnvironment): Promise<string> {
  const args = [...nodeArguments(workspace), builtProgram(workspace, name)];
  return childOutput(process.execPath, args, environment, `${workspace}/${name}`);
}

/**
 * All that a command writes, once it has ended well.
 * @param said what the error calls it; never its arguments, which may hold a password.
 * @param wellEnded exit codes of a command that did what it was asked for.
 * @throws PlatformError `internal` with the end of its standard error where it ended otherwise.
 */
export function childOutput(
  command: string,
  args: readonly string[],
  environment: ChildEnvironment = {},
  said = command,
  wellEnded: readonly number[] = [0],
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...ALWAYS, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-KEPT_ERRORS)));
    child.once('error', reject);
    // Not at `exit`: what it wrote last may still be on its way.
    child.once('close', (code) => {
      if (code !== null && wellEnded.includes(code)) resolve(text);
      else reject(new PlatformError('internal', `${said} ended with ${code ?? 'a signal'}: ${errors}`));
    });
  });
}
