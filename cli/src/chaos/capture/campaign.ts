import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { PlatformError } from '@millrace/kernel/errors';
import { lsnFromPostgres } from '@millrace/kernel/position';
import { sleep } from '@millrace/kernel/retry';
import { createEventDecoder } from '@millrace/schemas/events';
import { topicSpecs } from '@millrace/schemas/topics';
import { PlainConsumer, plainDecoder } from '../plain-consumer.ts';
import { openPlace } from '../place.ts';
import type { ChaosEngines, ChaosPlace } from '../place.ts';
import { AuditedWriters, committedSteps, prepareAudit } from './audited-writers.ts';
import { compareSteps } from './compare.ts';
import { faultSchedule, isKill } from './faults.ts';
import { LeftInLog } from './left-in-log.ts';
import { ProducersUnderFire } from './producers-under-fire.ts';
import { Received } from './received.ts';

export interface CaptureChaosOptions {
  readonly engines: ChaosEngines;
  /** Restarts an engine; without it engines are left alone. */
  readonly restart?: (engine: 'kafka' | 'postgres') => Promise<void>;
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
  readonly kills: number;
  readonly pauses: number;
  readonly engineRestarts: number;
  readonly producerStarts: number;
  readonly transactions: number;
  readonly committedSteps: number;
  readonly recordsRead: number;
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
const SETTLE_MS = 120_000;
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
  const { seed, kills, note } = options;
  const beganMs = performance.now();
  const place = await openPlace(options.engines, `chaos_${randomBytes(5).toString('hex')}`);
  const releases: (() => Promise<unknown>)[] = [() => place.close()];
  try {
    await prepareSource(options.engines.databaseUrl, place);
    const specs = topicSpecs(place.topicPrefix, place.partitionCount);
    await place.log.admin.ensureTopics(
      specs
        .filter(({ topic }) => /^(cdc|events)\.(?!.*\.dlq$)/.test(topic.slice(place.topicPrefix.length)))
        .map((spec) => ({ ...spec, config: { ...spec.config, ...(isCompacted(spec.config) ? COMPACTION : {}) } })),
    );
    const aggregates = await prepareAudit(place.databaseUrl, AGGREGATES, options.rows ?? 20_000);
    const writers = new AuditedWriters(place.databaseUrl, aggregates, seed, options.writers ?? 4);
    releases.push(() => writers.stop().catch(() => undefined));

    const received = new Received();
    const consumer = await follow(place, received);
    releases.push(() => consumer.stop().catch(() => undefined));
    const producers = new ProducersUnderFire({
      environment: { ...place.environment, HEARTBEAT_MS: '300' },
      endStream: () => endStream(place),
      restart: (engine) => options.restart?.(engine) ?? Promise.resolve(),
    });
    releases.push(() => producers.stop());

    const faults = faultSchedule(seed, kills, options.restart !== undefined);
    for (const [index, fault] of faults.entries()) {
      await producers.carryOut(fault);
      consumer.check();
      if ((index + 1) % 10 === 0) note(`${index + 1} of ${faults.length} faults, ${writers.committed} transactions`);
    }
    await writers.stop();
    await producers.streaming();
    await settled(place, producers);
    await consumer.caughtUp(SETTLE_MS);
    const outboxLeft = await outboxRows(place);
    await consumer.stop();

    const client = await connected(place.databaseUrl);
    const committed = await committedSteps(client).finally(() => client.end());
    const compared = compareSteps(committed, received.partitions);
    const left = await LeftInLog.read(place);
    const different = await left.differences(place.databaseUrl);
    const { lost, duplicated, reordered, invented } = compared;
    const problems = [...received.problems, ...different];
    const counts = [lost, duplicated, reordered, invented, problems].map((found) => found.length);
    return {
      campaign: 'capture',
      seed,
      kills: faults.filter(isKill).length,
      pauses: faults.filter(({ kind }) => kind === 'pause').length,
      engineRestarts: faults.filter(({ kind }) => kind === 'engine').length,
      producerStarts: producers.starts,
      transactions: writers.committed,
      committedSteps: compared.committed,
      recordsRead: received.records,
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

function isCompacted(config: Readonly<Record<string, string>> | undefined): boolean {
  return config?.['cleanup.policy'] === 'compact';
}

/** Transactions in progress are sent from the smallest size on, so that kills fall into the spool's replay too. */
async function prepareSource(databaseUrl: string, { slotName }: ChaosPlace): Promise<void> {
  const client = await connected(databaseUrl);
  await client.query(`alter database ${slotName} set logical_decoding_work_mem = '64kB'`).finally(() => client.end());
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

/** Until the slot has been told of everything that is committed now. */
async function settled(place: ChaosPlace, producers: ProducersUnderFire): Promise<void> {
  const client = await connected(place.databaseUrl);
  try {
    const end = await lsnOf(client, 'select pg_current_wal_insert_lsn()::text as lsn');
    const confirmed = `select confirmed_flush_lsn::text as lsn from pg_replication_slots where slot_name = '${place.slotName}'`;
    const deadlineMs = performance.now() + SETTLE_MS;
    while ((await lsnOf(client, confirmed)) < end) {
      if (performance.now() > deadlineMs)
        throw new PlatformError('internal', 'the slot does not reach the end of the WAL');
      await producers.streaming();
      await sleep(50);
    }
  } finally {
    await client.end();
  }
}

/** What the outbox holds once it had the time to be emptied. */
async function outboxRows(place: ChaosPlace): Promise<number> {
  const client = await connected(place.databaseUrl);
  try {
    const deadlineMs = performance.now() + 20_000;
    for (;;) {
      const { rows } = await client.query<{ n: number }>('select count(*)::int as n from commerce.outbox_events');
      if (rows[0]?.n === 0 || performance.now() > deadlineMs) return rows[0]?.n ?? 0;
      await sleep(100);
    }
  } finally {
    await client.end();
  }
}

async function endStream({ databaseUrl, slotName }: ChaosPlace): Promise<void> {
  const client = await connected(databaseUrl);
  const end = 'select pg_terminate_backend(active_pid, 5000) from pg_replication_slots where slot_name = $1 and active';
  await client.query(end, [slotName]).finally(() => client.end());
}

async function connected(databaseUrl: string): Promise<Client> {
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function lsnOf(client: Client, query: string): Promise<bigint> {
  const { rows } = await client.query<{ lsn: string }>(query);
  return lsnFromPostgres(rows[0]?.lsn ?? '0/0');
}
