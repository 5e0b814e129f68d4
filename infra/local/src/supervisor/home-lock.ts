import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { commandLineOf, isAlive } from '../processes/index.ts';
import type { Home } from '../paths/index.ts';
import { hasCode } from '../processes/errno.ts';

/** Who holds a home. The command line tells a supervisor from a stranger that was given its process id. */
export interface LockHolder {
  readonly pid: number;
  readonly command: string;
}

const pathOf = (home: Home): string => join(home.run, 'supervisor.lock');

/** The live supervisor of a home, if there is one. */
export async function holderOfHome(home: Home): Promise<LockHolder | undefined> {
  const text = await readFile(pathOf(home), 'utf8').catch(() => undefined);
  if (text === undefined || text === '') return undefined;
  const holder = JSON.parse(text) as LockHolder;
  return isAlive(holder.pid) && commandLineOf(holder.pid) === holder.command ? holder : undefined;
}

/**
 * Takes a home for this process. A lock whose holder has died is taken over.
 * @returns the live holder when there is one, undefined when the home is ours now.
 */
export async function takeHome(home: Home): Promise<LockHolder | undefined> {
  await mkdir(home.run, { recursive: true });
  for (;;) {
    try {
      const file = await open(pathOf(home), 'wx');
      await file.writeFile(JSON.stringify({ pid: process.pid, command: commandLineOf(process.pid) }));
      await file.close();
      return undefined;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      const holder = await holderOfHome(home);
      if (holder !== undefined) return holder;
      await rm(pathOf(home), { force: true });
    }
  }
}

export async function releaseHome(home: Home): Promise<void> {
  await rm(pathOf(home), { force: true });
}
