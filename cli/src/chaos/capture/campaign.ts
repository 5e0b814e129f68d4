import { randomBytes } from 'node:crypto';
import type { TopicSpec } from '@millrace/kernel/log';
import { sleep } from '@millrace/kernel/retry';
import { createEventDecoder } from '@millrace/schemas/events';
import { topicSpecs } from '@millrace/schemas/topics';
import { PlainConsumer, plainDecoder } from '../plain-consumer.ts';
import { openPlace } from '../place.ts';
import type { ChaosEngines, ChaosPlace } from '../place.ts';
import { operatorActs } from './acts.ts';
import { committedSteps, prepareAudit } from './audit.ts';
import { AuditedWriters } from './audited-writers.ts';
import { compareSteps } from './compare.ts';
import { faultSchedule, isKill } from './faults.ts';
import type { Fault } from './faults.ts';
import { LeftInLog } from './left-in-log.ts';
import { Operator } from './operator.ts';
import type { OwnEngines } from './own-engines.ts';
import { ProducersUnderFire } from './producers-under-fire.ts';
import { Received } from './received.ts';
import { connected, endStream, outboxRows, prepareSource, settled } from './source.ts';

export interface CaptureChaosOptions {
  readonly engines: ChaosEngines;
  /** The same engines where they may be broken; else they are left alone. */
  readonly own?: OwnEngines;
  /** The longest time that all brokers of own engines are down. */
  readonly outageMs?: number;
  readonly seed: string;
  readonly kills: number;
  readonly writers?: number;
  /** Rows there are before the first snapshot. */
  readonly rows?: number;
  readonly note: (text: string) => void;
}

export interface CaptureChaosReport {
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
  readonly transactions: number;
  readonly committedSteps: number;
  /** Steps of a parked table; the rows were read again when it was resumed. */
  readonly leftOutWhileParked: number;
  readonly recordsRead: number;
  readonly rowsReadAgain: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly invented: number;
  /** Rows whose last record in the compacted log is not what the table holds. */
  readonly differentAtEnd: number;
  /** Records that a reader of the whole log still finds; fewer than were read where compaction has run. */
  readonly recordsLeft: number;
  /** Rows that the outbox was left with. */
  readonly outboxLeft: number;
  readonly seconds: number;
  /** The first of each kind. */
  readonly findings: readonly string[];
  readonly passed: boolean;
}

const AGGREGATES = 60;
const SHOWN = 10;
const CATCH_UP_MS = 120_000;
const OUTAGE_MS = 20_000;
/** An act is over after so long, the producer being killed all the while. */
const ACT_MS = 300_000;
/** Segments roll and compaction runs all the time; the live reader has a minute before a record may go. */
const COMPACTION = {
  'segment.ms': '5000',
  'segment.bytes': '1048576',
  'min.cleanable.dirty.ratio': '0.01',
  'min.compaction.lag.ms': '60000',
  'max.compaction.lag.ms': '90000',
};

/**
 * Writers with an audit, a producer that is killed and paused at random moments, also in its snapshot, and a plain consumer of the topics that
 * knows nothing of positions. At the end every committed row and its order is compared with what the consumer got.
 */
export async function captureCampaign(options: CaptureChaosOptions): Promise<CaptureChaosReport> {
  const { seed, kills, own, outageMs = OUTAGE_MS, note } = options;
  const beganMs = performance.now();
  const place = await openPlace(options.engines, `chaos_${randomBytes(5).toString('hex')}`);
  const releases: (() => Promise<unknown>)[] = [() => place.close()];
  try {
    await prepareSource(options.engines.databaseUrl, place);
    await place.log.admin.ensureTopics(topicsOf(place));
    const aggregates = await prepareAudit(place.databaseUrl, AGGREGATES, options.rows ?? 20_000);
    const writers = new AuditedWriters(place.databaseUrl, aggregates, seed, options.writers ?? 4);
    releases.push(() => writers.stop().catch(() => undefined));

    const received = new Received();
    const consumer = await follow(place, received);
    releases.push(() => consumer.stop().catch(() => undefined));
    const producers = new ProducersUnderFire({
      environment: { ...place.environment, HEARTBEAT_MS: '300' },
      endStream: () => endStream(place),
      awayMs: own === undefined ? 0 : outageMs,
    });
    releases.push(() => producers.stop());

    const operator = new Operator({
      databaseUrl: place.databaseUrl,
      acts: operatorActs(seed, aggregates),
      producer: () => producers.control,
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
    await producers.streaming();
    const failedReads = await operator.stop();
    await writers.stop();
    await settled(place, () => producers.streaming());
    await consumer.caughtUp(CATCH_UP_MS);
    const outboxLeft = await outboxRows(place);
    await consumer.stop();

    const client = await connected(place.databaseUrl);
    const committed = await committedSteps(client).finally(() => client.end());
    const compared = compareSteps(committed, received.partitions);
    const left = await LeftInLog.read(place);
    const different = await left.differences(place.databaseUrl);
    const { lost, duplicated, reordered, invented } = compared;
    const count = (kind: Fault['kind']): number => faults.filter((fault) => fault.kind === kind).length;
    const problems = [...received.problems, ...different, ...failedReads];
    const counts = [lost, duplicated, reordered, invented, problems].map((found) => found.length);
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
      transactions: writers.committed,
      committedSteps: compared.committed,
      leftOutWhileParked: compared.leftOut,
      recordsRead: received.records,
      rowsReadAgain: received.readAgain,
      lost: lost.length,
      duplicated: duplicated.length,
      reordered: reordered.length,
      invented: invented.length,
      differentAtEnd: different.length,
      recordsLeft: left.records,
      outboxLeft,
      seconds: Math.round((performance.now() - beganMs) / 1000),
      findings: Object.entries({ lost, duplicated, reordered, invented, problems }).flatMap(([kind, found]) =>
        found.slice(0, SHOWN).map((what) => `${kind}: ${what}`),
      ),
      passed: counts.every((count) => count === 0) && outboxLeft === 0,
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

/** The capture's topics, their compaction never at rest. */
function topicsOf({ topicPrefix, partitionCount }: ChaosPlace): TopicSpec[] {
  return topicSpecs(topicPrefix, partitionCount)
    .filter(({ topic }) => /^(cdc|events)\.(?!.*\.dlq$)/.test(topic.slice(topicPrefix.length)))
    .map((spec) => {
      const compaction = spec.config?.['cleanup.policy'] === 'compact' ? COMPACTION : {};
      return { ...spec, config: { ...spec.config, ...compaction } };
    });
}

async function follow(place: ChaosPlace, received: Received): Promise<PlainConsumer> {
  const decodeChange = plainDecoder(place.registry);
  const decodeEvent = createEventDecoder(place.registry);
  const consumer = new PlainConsumer(place.log, async (record) => {
    if (record.value === null) return;
    const name = record.topic.slice(place.topicPrefix.length);
    if (name.startsWith('cdc.')) received.change(record, await decodeChange(record.value));
    else if (name.startsWith('events.')) {
      const { payload } = await decodeEvent(record.value);
      const { version } = JSON.parse(String(payload)) as { version: number };
      received.event(record, name === 'events.other' ? 'customer' : name.slice('events.'.length), version);
    }
  });
  const partitions = await place.partitions();
  consumer.start(partitions.filter(({ topic }) => /^(cdc|events)\./.test(topic.slice(place.topicPrefix.length))));
  return consumer;
}
