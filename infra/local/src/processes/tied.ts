import { existsSync } from 'node:fs';

const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));

/**
 * A command line whose process is sent `signal` by the kernel when we die, even by kill -9 (Linux). Elsewhere it is the
 * same command line, and the next start finds what is left through the state file.
 */
export function tiedToParent(
  command: string,
  args: readonly string[],
  signal: NodeJS.Signals,
): { command: string; args: readonly string[] } {
  if (setpriv === undefined || process.platform !== 'linux') return { command, args };
  return { command: setpriv, args: ['--pdeathsig', signal.replace('SIG', ''), command, ...args] };
}
