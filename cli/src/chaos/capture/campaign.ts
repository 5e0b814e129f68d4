import { sleep } from '@millrace/kernel/retry';
import { operatorActs } from './acts.ts';
import { faultSchedule, isKill } from './faults.ts';
import type { Fault } from './faults.ts';
import { Operator } from './operator.ts';
import type { OwnEngines } from './own-engines.ts';
import { ProducersUnderFire } from './producers-under-fire.ts';
import { endStream } from './source.ts';
import { Stage } from './stage.ts';
import type { StageOptions, Verdict } from './stage.ts';

export interface CaptureChaosOptions extends StageOptions {
  /** The same engines where they may be broken; else they are left alone. */
  readonly own?: OwnEngines;
  /** The longest time that all brokers of own engines are down. */
  readonly outageMs?: number;
  readonly kills: number;
  readonly note: (text: string) => void;
}

export interface CaptureChaosReport extends Verdict {
  readonly campaign: 'capture';
  readonly seed: string;
  /** Of own engines, null where they were left alone. */
  readonly brokers: number | null;
  readonly kills: number;
  readonly pauses: number;
  readonly postgresFaults: number;
  /** Brokers killed, stopped and frozen. */
  readonly brokerFaults: number;
  /** Times when all brokers were down. */
  readonly outages: number;
  /** Columns added and dropped. */
  readonly schemaChanges: number;
  /** Re-snapshots asked for. */
  readonly resnapshots: number;
  /** Times the stream was paused and resumed. */
  readonly holds: number;
  /** Incompatible changes: the table was parked, and resumed. */
  readonly parkings: number;
  readonly producerStarts: number;
  readonly seconds: number;
}

const OUTAGE_MS = 20_000;
/** An act is over after so long, the producer being killed all the while. */
const ACT_MS = 300_000;

/**
 * Writers with an audit, a producer that is killed and paused at random moments, also in its snapshot, and a plain consumer of the topics that
 * knows nothing of positions. At the end every committed row and its order is compared with what the consumer got.
 */
export async function captureCampaign(options: CaptureChaosOptions): Promise<CaptureChaosReport> {
  const { seed, kills, own, outageMs = OUTAGE_MS, note } = options;
  const beganMs = performance.now();
  const stage = await Stage.set(options);
  const releases: (() => Promise<unknown>)[] = [() => stage.close()];
  try {
    const { place, consumer, writers } = stage;
    const producers = new ProducersUnderFire({
      environment: { ...place.environment, HEARTBEAT_MS: '300' },
      endStream: () => endStream(place),
      awayMs: own === undefined ? 0 : outageMs,
    });
    releases.push(() => producers.stop());
    const operator = new Operator({
      databaseUrl: place.databaseUrl,
      acts: operatorActs(seed, stage.aggregates),
      producer: () => producers.controlled,
      patienceMs: ACT_MS + (own === undefined ? 0 : outageMs),
    });
    releases.push(() => operator.abandon());

    const faults = faultSchedule(seed, kills, own === undefined ? null : { brokers: own.brokers, outageMs });
    for (const [index, fault] of faults.entries()) {
      await carryOut(fault, producers, own);
      consumer.check();
      operator.check();
      if ((index + 1) % 10 === 0) note(`${index + 1} of ${faults.length} faults, ${writers.committed} transactions`);
    }
    await own?.whole();
    const failedReads = await producers.keptUp(operator.stop());
    const verdict = await stage.judge(() => producers.streaming(), [...failedReads, ...producers.findings]);
    const count = (kind: Fault['kind']): number => faults.filter((fault) => fault.kind === kind).length;
    return {
      campaign: 'capture',
      seed,
      brokers: own?.brokers ?? null,
      kills: faults.filter(isKill).length,
      pauses: count('pause'),
      postgresFaults: count('postgres'),
      brokerFaults: count('broker'),
      outages: count('outage'),
      schemaChanges: operator.counts['add-column'] + operator.counts['drop-column'],
      resnapshots: operator.counts.resnapshot,
      holds: operator.counts.hold,
      parkings: operator.counts.park,
      producerStarts: producers.starts,
      ...verdict,
      seconds: Math.round((performance.now() - beganMs) / 1000),
    };
  } finally {
    for (const release of releases.reverse()) await release();
  }
}

async function carryOut(fault: Fault, producers: ProducersUnderFire, own: OwnEngines | undefined): Promise<void> {
  switch (fault.kind) {
    case 'postgres':
    case 'broker':
    case 'outage':
      await producers.streaming();
      await sleep(fault.afterMs);
      return own?.breakDown(fault);
    default:
      return producers.carryOut(fault);
  }
}
