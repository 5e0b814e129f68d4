import { monitorEventLoopDelay } from 'node:perf_hooks';
import { silentLogger } from '@millrace/kernel/telemetry';
import { SnapshotFolder, SnapshotTaker, SnapshotTurns, readSnapshot } from '../runtime/snapshot/index.ts';
import { TaskState } from '../runtime/task-state.ts';
import { counter } from './counter.ts';

const output = { topic: counter.output, partition: 0 };
const task = 'views.inventory/0';
const log = 'bench';
const OFFSET = 10n;
const now = (): number => performance.timeOrigin + performance.now();
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** A task's state of so many keys is written to the folder, as at a clean stop; how long nothing else could be done meanwhile, ms. */
export async function takeSnapshot(keys: number, folder: string) {
  const state = new TaskState(counter);
  for (let at = 0; at < keys; at++) {
    const id = `01890000-0000-7000-8000-${at.toString().padStart(12, '0')}`;
    state.named['counts']?.set(id, { movements: at % 100, onHand: at % 1000 });
    state.journal.clear();
  }
  state.clean();
  const everything = { everyMs: 0, leastRecords: 1, partValues: 2_000, lastMs: 600_000 };
  const taker = new SnapshotTaker(
    { disk: new SnapshotFolder(folder), turns: new SnapshotTurns(), ...everything },
    {
      ...{ task, state, now, logger: silentLogger(), acknowledged: () => Promise.resolve(OFFSET) },
      of: { log, ...output, processor: counter.name, stateVersion: counter.stateVersion },
    },
    keys,
  );
  const { stateVersion } = counter;
  const position = { lsn: 1n, frontier: 1n, streamTimeUs: 1, stateVersion, inputs: [] };
  taker.acknowledged({ offset: OFFSET, position, gone: [], atMs: now() }, 0);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const [beganMs, beganCpuMs] = [now(), cpuMs()];
  delay.enable();
  await taker.last();
  delay.disable();
  return { keys, tookMs: now() - beganMs, cpuMs: cpuMs() - beganCpuMs, longestPauseMs: delay.max / 1e6 };
}

/** It is read in a new process. */
export async function openSnapshot(keys: number, folder: string) {
  const disk = new SnapshotFolder(folder);
  const [name = ''] = await disk.list(task);
  const [beganMs, beganCpuMs] = [now(), cpuMs()];
  const state = new TaskState(counter);
  const end = { ...output, barrierOffset: OFFSET, startOffset: 0n };
  const wanted = { log, end, processor: counter.name, stateVersion: counter.stateVersion, nowMs: now() };
  await readSnapshot(disk, task, name, wanted, state);
  const tookMs = now() - beganMs;
  if (state.size !== keys) throw new Error(`the snapshot has ${state.size} keys, not ${keys}`);
  return { keys, tookMs, cpuMs: cpuMs() - beganCpuMs, residentBytes: process.memoryUsage.rss() };
}
