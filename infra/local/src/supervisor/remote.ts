import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Home } from '../paths/index.ts';
import type { Environment } from '../engines/index.ts';
import { lastLines, Problem } from '../processes/index.ts';
import { closeLog, openLog } from '../processes/log-tail.ts';
import { askControl, EndedEarly } from './control.ts';
import { holderOfHome } from './home-lock.ts';
import { readState, type ItemStatus, type PlatformStatus } from './state-file.ts';

/** The state of a home from any process. Never fails: a home where nothing runs is `stopped`. */
export async function statusOf(home: Home): Promise<PlatformStatus> {
  const saved = readState(home)?.status ?? { state: 'stopped', engines: [], services: [] };
  if ((await holderOfHome(home)) !== undefined) return saved;
  const down = (item: ItemStatus): ItemStatus => ({
    ...item,
    pid: null,
    state: item.state === 'external' ? 'external' : 'stopped',
  });
  return { state: 'stopped', engines: saved.engines.map(down), services: saved.services.map(down) };
}

/** Stops the platform of a home; resolves when no process is left. @throws Problem when none runs. */
export async function stopPlatform(home: Home): Promise<void> {
  try {
    await askControl(home, { verb: 'stop' });
  } catch (error) {
    // It may end faster than its answer travels.
    if (!(error instanceof EndedEarly) || (await holderOfHome(home)) !== undefined) throw error;
  }
}

/** Restarts one process of the platform of a home, in an orderly way. @throws Problem for an unknown name. */
export async function restartProcess(home: Home, name: string): Promise<void> {
  await askControl(home, { verb: 'restart', name });
}

/** kill -9 of one process of the platform of a home. @throws Problem for an unknown name. */
export async function killProcess(home: Home, name: string): Promise<void> {
  await askControl(home, { verb: 'kill', name });
}

export interface DetachOptions {
  readonly home: Home;
  readonly env: Environment;
  /** A program that calls `startPlatform` for this home and stays until it is stopped. */
  readonly command: string;
  readonly args: readonly string[];
  /** How long to wait until it is ready; ms. A first start downloads. */
  readonly timeoutMs: number;
  readonly onStatus?: (status: PlatformStatus) => void;
}

/**
 * Runs a supervisor in the background, its output in `logs/supervisor.log`; resolves when the platform is ready.
 * @throws Problem with the end of its log when it ends before that.
 */
export async function startDetached(options: DetachOptions): Promise<PlatformStatus> {
  const log = join(options.home.logs, 'supervisor.log');
  const file = openLog(log);
  const child = spawn(options.command, [...options.args], {
    detached: true,
    stdio: ['ignore', file, file],
    env: { ...options.env },
  });
  closeLog(file);
  const ended = new AbortController();
  child.once('exit', () => ended.abort());
  child.once('error', () => ended.abort());
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    await wait(200);
    const status = await statusOf(options.home);
    options.onStatus?.(status);
    if (ended.signal.aborted)
      throw new Problem(`Millrace did not start: ${(await lastLines(log, 2)).join(' ')} (log: ${log})`);
    if (status.state === 'ready' || status.state === 'degraded') {
      child.unref();
      return status;
    }
    if (Date.now() > deadline)
      throw new Problem(
        `Millrace was not ready after ${Math.round(options.timeoutMs / 1000)} s; it goes on starting, see ${log}.`,
      );
  }
}
