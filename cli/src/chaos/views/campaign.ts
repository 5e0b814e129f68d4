import { sleep } from '@millrace/kernel/retry';
import { judgeViews } from '../road/judgement.ts';
import type { Judgement } from '../road/judgement.ts';
import type { Deployable } from '../road/platforms.ts';
import { RoadStage } from '../road/stage.ts';
import type { RoadChaosOptions } from '../road/stage.ts';
import { viewsFaults } from './faults.ts';
import type { ViewsFault } from './faults.ts';
import { leftovers } from './leftovers.ts';
import { operatorActs } from './operator-acts.ts';
import { OperatorUnderFire } from './operator.ts';

export interface ViewsChaosReport extends Judgement {
  readonly campaign: 'views';
  readonly seed: string;
  /** Of sinks, stores and rebuilds together. */
  readonly kills: number;
  readonly sinksKilled: number;
  readonly storesKilled: number;
  readonly rebuildsKilled: number;
  readonly freezes: number;
  /** Commands that came to their end. */
  readonly rebuilds: number;
  readonly rollbacks: number;
  readonly drops: number;
  /** Commands that failed while a store was away, and were given again, by what they said. */
  readonly givenAgain: Readonly<Record<string, number>>;
  readonly changes: number;
  readonly seconds: number;
  readonly passed: boolean;
}

/** Ports of a hundred from here on, and the search's transport in the next. */
const FIRST_PORT = 30_200;

const deployables: readonly Deployable[] = [
  { name: 'producers', workspace: 'producers' },
  { name: 'stream-processors', workspace: 'stream-processors' },
  { name: 'sinks', workspace: 'sinks', env: { SINKS: 'redis' } },
  { name: 'sinks-2', workspace: 'sinks', env: { SINKS: 'elasticsearch,clickhouse' } },
];

interface Counts {
  sinksKilled: number;
  storesKilled: number;
  rebuildsKilled: number;
  freezes: number;
}

/**
 * An operator rebuilds, rolls back and drops views without end while the shop is changed; stores, sinks and the rebuild itself are killed.
 * Afterwards every view in every store is compared with the tables, and no store may hold anything of a generation that is gone.
 */
export async function viewsCampaign(options: RoadChaosOptions): Promise<ViewsChaosReport> {
  const { seed, kills, note } = options;
  const beganMs = performance.now();
  const stage = await RoadStage.set({ ...options, name: 'chaos-views', firstPort: FIRST_PORT, deployables });
  const releases: (() => Promise<unknown>)[] = [() => stage.close()];
  try {
    const { config, environment, healthPort } = stage.place;
    const sinksUrl = `http://127.0.0.1:${healthPort(2)}`;
    const operator = new OperatorUnderFire({ ...environment, SINKS_URL: sinksUrl }, operatorActs(seed));
    operator.start();
    releases.push(() => operator.abandon());
    const counts: Counts = { sinksKilled: 0, storesKilled: 0, rebuildsKilled: 0, freezes: 0 };
    const faults = viewsFaults(seed, kills);
    for (const [index, fault] of faults.entries()) {
      note(`${index + 1} of ${faults.length}, ${operator.done.rebuild} rebuilds done: ${JSON.stringify(fault)}`);
      await carryOut(fault, stage, operator, counts);
    }
    await stage.engines.whole();
    await operator.stop();
    const changes = await stage.quiet();
    const { findings, ...judged } = await judgeViews(config, note);
    const all = [...operator.findings, ...findings, ...(await leftovers(config))];
    if (all.length > 0) stage.keep();
    return {
      campaign: 'views',
      seed,
      kills: counts.sinksKilled + counts.storesKilled + counts.rebuildsKilled,
      ...counts,
      rebuilds: operator.done.rebuild,
      rollbacks: operator.done.rollback,
      drops: operator.done.drop,
      givenAgain: operator.failures,
      changes,
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

async function carryOut(
  fault: ViewsFault,
  { engines, deployables: sinks }: RoadStage,
  operator: OperatorUnderFire,
  counts: Counts,
): Promise<void> {
  switch (fault.kind) {
    case 'rebuild':
      // One that ends before its moment has come is let go; the next one is met.
      while (!(await operator.killRebuild(fault.afterMs)));
      counts.rebuildsKilled++;
      return;
    case 'sinks':
    case 'sinks-early':
      await (fault.kind === 'sinks' ? sinks.ready(fault.process) : sinks.running(fault.process));
      await sleep(fault.afterMs);
      if (await sinks.kill(fault.process, 0)) counts.sinksKilled++;
      return;
    case 'store':
      await engines.ready(fault.store);
      await sleep(fault.afterMs);
      if (await engines.kill(fault.store, fault.awayMs)) counts.storesKilled++;
      return;
    case 'freeze': {
      const among = fault.process.startsWith('sinks') ? sinks : engines;
      await among.ready(fault.process);
      await sleep(fault.afterMs);
      counts.freezes++;
      among.freeze(fault.process, fault.forMs);
      return;
    }
  }
}
