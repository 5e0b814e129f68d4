import { setTimeout as wait } from 'node:timers/promises';
import type { Home } from '../paths/index.ts';
import { isOurs } from '../processes/index.ts';
import { readState } from './state-file.ts';

const politeMs = 10_000;

/**
 * Ends what a killed supervisor of this home left running. Only a process whose command line is the one we gave it is
 * touched. Call only while holding the home's lock.
 * @returns the names of what was ended.
 */
export async function endLeftovers(home: Home): Promise<string[]> {
  const state = readState(home);
  if (state === undefined) return [];
  const left = [...state.status.engines, ...state.status.services].flatMap(({ name, pid }) => {
    const marker = state.markers[name];
    return pid !== null && marker !== undefined && isOurs(pid, marker) ? [{ name, pid, marker }] : [];
  });
  for (const { name, pid } of left) signal(pid, name === 'postgres' ? 'SIGINT' : 'SIGTERM');
  const deadline = Date.now() + politeMs;
  while (left.some(({ pid, marker }) => isOurs(pid, marker))) {
    if (Date.now() > deadline) for (const { pid, marker } of left) if (isOurs(pid, marker)) signal(pid, 'SIGKILL');
    await wait(50);
  }
  return left.map(({ name }) => name);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone by itself meanwhile.
  }
}
