import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Home } from '../paths/index.ts';
import type { ProcessStatus } from '../processes/index.ts';

/** One item of `millrace status --json`. `external`: reached at an address of the environment, not ours to run. */
export interface ItemStatus extends Omit<ProcessStatus, 'state'> {
  readonly state: ProcessStatus['state'] | 'external';
}

/** The document of `millrace status --json`. */
export interface PlatformStatus {
  readonly state: 'ready' | 'starting' | 'degraded' | 'stopped';
  readonly engines: readonly ItemStatus[];
  readonly services: readonly ItemStatus[];
}

/** What a supervisor leaves for other processes, and for its successor should it be killed. */
export interface StateFile {
  readonly supervisorPid: number;
  readonly status: PlatformStatus;
  /** How to recognise each process by its command line. */
  readonly markers: Readonly<Record<string, string>>;
}

const pathOf = (home: Home): string => join(home.run, 'state.json');

/** Replaces the file whole: a reader never sees half of it. */
export function writeState(home: Home, state: StateFile): void {
  mkdirSync(home.run, { recursive: true });
  const temporary = `${pathOf(home)}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(state, undefined, 2)}\n`);
  renameSync(temporary, pathOf(home));
}

export function readState(home: Home): StateFile | undefined {
  try {
    return JSON.parse(readFileSync(pathOf(home), 'utf8')) as StateFile;
  } catch {
    return undefined;
  }
}

/** The state of the whole out of the states of its parts. */
export function overallState(
  phase: 'starting' | 'running' | 'stopped',
  items: readonly ItemStatus[],
): PlatformStatus['state'] {
  if (phase !== 'running') return phase;
  return items.every(({ state }) => state === 'ready' || state === 'external') ? 'ready' : 'degraded';
}
