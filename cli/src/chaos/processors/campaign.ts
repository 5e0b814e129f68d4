import { sleep } from '@millrace/kernel/retry';
import { judgeViews } from '../road/judgement.ts';
import type { Judgement } from '../road/judgement.ts';
import type { ProcessesUnderFire } from '../road/processes-under-fire.ts';
import type { Deployable } from '../road/platforms.ts';
import { RoadStage } from '../road/stage.ts';
import type { RoadChaosOptions } from '../road/stage.ts';
import { processorFaults } from './faults.ts';
import type { ProcessorFault } from './faults.ts';
import { PositionLedger } from './position-ledger.ts';
import { WatchedLogs } from './watched-logs.ts';
import { WatchedRedis } from './watched-redis.ts';

export interface ProcessorsChaosReport extends Judgement {
  readonly campaign: 'processors';
  readonly seed: string;
  readonly processes: number;
  readonly kills: number;
  readonly pauses: number;
  /** Paused until others had their tasks. */
  readonly zombies: number;
  /** Ended in order, to join again. */
  readonly leaves: number;
  readonly changes: number;
  /** Records of the views' logs, and events. */
  readonly records: number;
  readonly events: number;
  /** Positions of entries and watermarks that were looked at, in logs and in Redis. */
  readonly positions: number;
  readonly redisPasses: number;
  readonly wentBack: number;
  readonly repeated: number;
  readonly seconds: number;
  readonly passed: boolean;
}

/** Ports of a hundred from here on, and the search's transport in the next. */
const FIRST_PORT = 30_400;
const PROCESSES = 3;

/**
 * Three processes of the stream processors share the tasks and are killed, paused and ended while the shop is changed; each record of the
 * views is read, and Redis is looked at over and over. Afterwards every view is compared with the tables.
 */
export async function processorsCampaign(options: RoadChaosOptions): Promise<ProcessorsChaosReport> {
  const { seed, kills, note } = options;
  const beganMs = performance.now();
  const faults = processorFaults(seed, kills, PROCESSES);
  const stage = await RoadStage.set({ ...options, name: 'chaos-processors', firstPort: FIRST_PORT, deployables });
  const releases: (() => Promise<unknown>)[] = [() => stage.close()];
  try {
    const { config } = stage.place;
    const ledger = new PositionLedger();
    const logs = await WatchedLogs.open(stage.log, config, ledger);
    releases.push(() => logs.stop().catch(() => undefined));
    const redis = await WatchedRedis.open(config, ledger);
    releases.push(() => redis.stop().catch(() => undefined));
    const counts = { kills: 0, pauses: 0, zombies: 0, leaves: 0 };
    for (const [index, fault] of faults.entries()) {
      note(`${index + 1} of ${faults.length}, ${ledger.seen} positions looked at: ${JSON.stringify(fault)}`);
      await carryOut(fault, stage.deployables, counts);
      logs.check();
    }
    const changes = await stage.quiet();
    const { findings, ...judged } = await judgeViews(config, note);
    const untrue = await logs.end();
    await redis.stop();
    const all = [...ledger.findings, ...untrue, ...findings];
    if (all.length > 0) stage.keep();
    return {
      campaign: 'processors',
      seed,
      processes: PROCESSES,
      ...counts,
      changes,
      records: logs.records,
      events: logs.events,
      positions: ledger.seen,
      redisPasses: redis.passes,
      wentBack: ledger.wentBack,
      repeated: ledger.repeated,
      ...judged,
      findings: all,
      seconds: Math.round((performance.now() - beganMs) / 1000),
      passed: all.length === 0,
    };
  } catch (error) {
    stage.keep();
    throw error;
  } finally {
    for (const release of releases.reverse()) await release();
  }
}

const nameOf = (process: number): string => (process === 1 ? 'stream-processors' : `stream-processors-${process}`);

const deployables: readonly Deployable[] = [
  { name: 'producers', workspace: 'producers' },
  ...Array.from({ length: PROCESSES }, (_, index): Deployable => ({
    name: nameOf(index + 1),
    workspace: 'stream-processors',
    env: { PLACEMENT: 'group' },
  })),
  { name: 'sinks', workspace: 'sinks' },
];

async function carryOut(
  fault: ProcessorFault,
  processes: ProcessesUnderFire,
  counts: { kills: number; pauses: number; zombies: number; leaves: number },
): Promise<void> {
  if (fault.kind === 'kill') {
    const names = fault.processes.map(nameOf);
    for (const name of names) await processes.ready(name);
    await sleep(fault.afterMs);
    const killed = await Promise.all(names.map((name) => processes.kill(name, fault.awayMs)));
    counts.kills += killed.filter(Boolean).length;
    return;
  }
  const name = nameOf(fault.process);
  await (fault.kind === 'kill-early' ? processes.running(name) : processes.ready(name));
  await sleep(fault.afterMs);
  switch (fault.kind) {
    case 'kill-early':
      counts.kills += (await processes.kill(name, 0)) ? 1 : 0;
      return;
    case 'pause':
    case 'zombie':
      counts[fault.kind === 'pause' ? 'pauses' : 'zombies']++;
      processes.freeze(name, fault.forMs);
      return;
    case 'leave':
      counts.leaves++;
      return processes.leave(name, fault.awayMs);
  }
}
