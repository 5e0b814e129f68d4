import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { hasCode } from './errno.ts';

/** Whether a process with this id exists (a zombie does not count). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
  return statFields(pid)?.[0] !== 'Z';
}

/** Fields of /proc/<pid>/stat after the name, beginning with the state; undefined where there is no /proc. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** The command line of a process, arguments joined by spaces; '' when it is gone or cannot be read. */
export function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
  } catch {
    try {
      return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    } catch {
      return '';
    }
  }
}

/**
 * Whether `pid` is a process that we started with a command line containing `marker`. A process id alone proves
 * nothing: the system gives it again to others.
 */
export function isOurs(pid: number, marker: string): boolean {
  return pid > 1 && isAlive(pid) && commandLineOf(pid).includes(marker);
}
