import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Problem } from '../processes/index.ts';

/**
 * How a program that refuses to run as root is run. `switch`: as an ordinary OS user. `namespace`: in a user namespace
 * in which our root appears as an ordinary user, for folders that no other user can enter.
 */
export type RunAs =
  | { readonly kind: 'self' }
  | { readonly kind: 'switch'; readonly uid: number; readonly gid: number }
  | { readonly kind: 'namespace'; readonly unshare: string; readonly uid: number; readonly gid: number };

interface OsUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Finds a user in the text of a passwd file. */
export function userIn(passwd: string, name: string): OsUser | undefined {
  const fields = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find((entry) => entry[0] === name);
  const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])];
  return fields === undefined || Number.isNaN(uid) || Number.isNaN(gid) ? undefined : { name, uid, gid };
}

/** Whether a user without rights of its own can enter a folder: every folder above must let others pass. */
export function othersMayEnter(folder: string): boolean {
  for (let path = folder; ; path = dirname(path)) {
    const mode = statSync(path, { throwIfNoEntry: false })?.mode;
    if (mode !== undefined && (mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}

const unshare = ['/usr/bin/unshare', '/bin/unshare'].find((path) => existsSync(path));

/**
 * @param folders that the program must be able to enter.
 * @throws Problem when we are root and there is no way to run it otherwise.
 */
export function chooseUser(folders: readonly string[]): RunAs {
  if (process.getuid?.() !== 0) return { kind: 'self' };
  const passwd = readFileSync('/etc/passwd', 'utf8');
  const user = userIn(passwd, 'postgres') ?? userIn(passwd, 'nobody');
  if (user !== undefined && folders.every(othersMayEnter)) return { kind: 'switch', uid: user.uid, gid: user.gid };
  if (user !== undefined && unshare !== undefined) return { kind: 'namespace', unshare, uid: user.uid, gid: user.gid };
  throw new Problem(
    'Postgres and Elasticsearch do not run as root, and no other user can enter this folder: run Millrace as an ordinary user, or put the repository where others may read it.',
  );
}

/** Command line, and the user to spawn as. */
export function commandAs(
  runAs: RunAs,
  command: string,
  args: readonly string[],
): { command: string; args: string[]; user?: { uid: number; gid: number } } {
  if (runAs.kind === 'self') return { command, args: [...args] };
  if (runAs.kind === 'switch') return { command, args: [...args], user: { uid: runAs.uid, gid: runAs.gid } };
  const mapping = ['--user', `--map-user=${runAs.uid}`, `--map-group=${runAs.gid}`];
  return { command: runAs.unshare, args: [...mapping, command, ...args] };
}
