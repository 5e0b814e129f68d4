import { isDeepStrictEqual } from 'node:util';
import type { LogClient } from '@millrace/kernel/log';
import type { Logger } from '@millrace/kernel/telemetry';
import { lsnFromPostgres, lsnToPostgres } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import { sleep } from '@millrace/kernel/retry';
import { isCdcTopic } from '@millrace/schemas/topics';
import type pg from 'pg';
import type { ProducersConfig } from '../config.ts';
import { connectSource, endQuietly } from '../replication/connect.ts';
import { createSlot, dropSlot, setFailover, slotState, unusable } from '../replication/slot.ts';
import type { SlotState } from '../replication/slot.ts';
import { identifySystem } from '../replication/source-system.ts';
import type { SourceSystem } from '../replication/source-system.ts';
import { noteEpoch } from '../slot-care/epoch-note.ts';
import { namingBlockers } from '../slot-care/blockers.ts';
import type { Blocker } from '../slot-care/blockers.ts';
import type { HealGate, Refusal } from '../slot-care/heal-gate.ts';
import { readNotes, rememberSlot, slotMemory, stateTopic } from '../slot-care/memory.ts';
import type { SlotMemory } from '../slot-care/memory.ts';
import { judgeSlot } from '../slot-care/verdict.ts';
import type { SlotFacts } from '../slot-care/verdict.ts';
import { openCopyClients } from './copy-clients.ts';
import { readLastPositions } from './log-positions.ts';
import type { LogPosition } from './log-positions.ts';
import { capturePartitions, partitionStates } from './partitions.ts';
import type { PublisherOptions } from './publisher.ts';
import type { RouteCatalog } from './route-catalog.ts';
import { takeSnapshot } from './snapshot.ts';
import type { SnapshotProgress } from './snapshot.ts';
import type { SourceTable } from './source-tables.ts';

export interface PreparationOptions {
  readonly config: ProducersConfig;
  readonly log: LogClient;
  readonly logger: Logger;
  readonly sql: pg.Client;
  /** Those that are not parked now. */
  readonly tables: () => readonly SourceTable[];
  /** Those that a snapshot of the present takes. */
  readonly snapshotTables: () => Promise<readonly SourceTable[]>;
  readonly routes: RouteCatalog;
  readonly publisher: Pick<PublisherOptions, 'scheduler' | 'limits' | 'onAcknowledged'>;
  readonly onProgress: (progress: SnapshotProgress) => void;
  readonly onWaiting: () => void;
  /** Slot and log do not belong together; it waits for `gate`. */
  readonly onRefused: (refusal: Refusal) => void;
  /** Transactions that the slot's creation waits for now. */
  readonly onBlockers: (blockers: readonly Blocker[]) => void;
  readonly gate: HealGate;
  readonly signal: AbortSignal;
}

/** The source as a stream goes on with it. */
export interface PreparedSource {
  /** Of every position from now on. */
  readonly epoch: number;
  /** What is to be noted with the log, if it is not yet. */
  readonly memory: SlotMemory;
  readonly noted: boolean;
}

const WAIT_MS = 250;

/**
 * Makes sure there is a slot whose stream goes on where the log ends: takes the first snapshot, takes it again where one was not completed, and
 * heals by a new one, when allowed, where slot and log do not belong together any more; until then it waits and `onRefused` says why.
 * Throws `replication-slot-unusable` where the slot's name is somebody else's.
 *
 * One producer at a time decides and copies (an advisory lock of its session); others wait.
 */
export async function prepareSlot(options: PreparationOptions): Promise<PreparedSource> {
  const { config, sql, signal, gate, logger } = options;
  await lock(options);
  try {
    const system = await onReplication(options, (replication) => identifySystem(replication));
    for (;;) {
      const facts = await gather(options, system);
      const { slot, remembered } = facts;
      const verdict = judgeSlot(facts);
      if (verdict.kind === 'stream') {
        await matchFailover(options, slot);
        await noteEpoch(sql, config.slotName, facts.epoch, logger);
        const memory = noteOf(config, options.tables(), system, facts.epoch, 'complete');
        return { epoch: facts.epoch, memory, noted: isDeepStrictEqual(memory, remembered) };
      }
      if (verdict.kind === 'heal') {
        // Raising the setting is the operator's word already.
        if (!gate.open && verdict.cause !== 'epoch-raised') {
          options.onRefused(verdict);
          await gate.waited(signal);
          continue;
        }
        logger.warn({ cause: verdict.cause }, `${verdict.what}: healing by a new snapshot of every table`);
      }
      if (slot === null || (await dropSlot(sql, config.slotName))) {
        const tables = await options.snapshotTables();
        const memory = noteOf(config, tables, system, verdict.epoch, 'running');
        await snapshot(options, tables, memory, facts.highest);
        gate.close();
        return { epoch: verdict.epoch, memory: { ...memory, snapshot: 'complete' }, noted: true };
      }
      options.onWaiting();
      await sleep(WAIT_MS, signal);
    }
  } finally {
    await sql
      .query('select pg_advisory_unlock(hashtext($1), hashtext($2))', LOCK(config.slotName))
      .catch(() => undefined);
  }
}

async function gather(options: PreparationOptions, system: SourceSystem): Promise<SlotFacts> {
  const { config, log, sql } = options;
  const remembered = slotMemory(await readNotes(log, stateTopic(config.topicPrefix)));
  const epoch = Math.max(config.sourceEpoch, remembered?.epoch ?? 0);
  const slot = await slotState(sql, config.slotName);
  const positions = await positionsNow(options);
  return {
    slotName: config.slotName,
    slot,
    system,
    remembered,
    // A topic that was declared since has nothing yet; its tables are added by a re-snapshot.
    complete: positions.every(
      ({ topic, watermarked }) => watermarked || isNewTopic(remembered, topic.slice(config.topicPrefix.length)),
    ),
    highest: highestOf(positions.map(({ last }) => last?.lsn ?? 0n)),
    highestWatermark: highestOf(
      partitionStates(capturePartitions(config), positions).map(({ watermark }) => watermark),
    ),
    flushed: await flushedLsn(sql, epoch),
    epoch,
  };
}

function isNewTopic(remembered: SlotMemory | null, topic: string): boolean {
  return isCdcTopic(topic) && remembered?.topics?.includes(topic) === false;
}

function noteOf(
  config: ProducersConfig,
  tables: readonly SourceTable[],
  { systemId, timeline }: SourceSystem,
  epoch: number,
  snapshot: SlotMemory['snapshot'],
): SlotMemory {
  return {
    slot: config.slotName,
    systemId,
    timeline,
    epoch,
    snapshot,
    tables: Object.fromEntries(
      tables.map(({ captured, primaryKey }) => [`${captured.schema}.${captured.table}`, primaryKey]),
    ),
    topics: config.captureTables.declaration.topics.map(({ topic }) => topic),
  };
}

async function onReplication<T>(
  { config }: PreparationOptions,
  work: (replication: pg.Client) => Promise<T>,
): Promise<T> {
  const replication = await connectSource(config.databaseUrl, { replication: true });
  try {
    return await work(replication);
  } finally {
    await endQuietly(replication);
  }
}

/** A slot that was made before the setting was changed follows it. One that somebody is using is left as it is until the next start. */
async function matchFailover(options: PreparationOptions, slot: SlotState | null): Promise<void> {
  const { slotName, slotFailover } = options.config;
  if (slot === null || slot.active || slot.failover === slotFailover) return;
  await onReplication(options, (replication) => setFailover(replication, slotName, slotFailover));
  options.logger.info({ slot: slotName, failover: slotFailover }, 'the slot follows SLOT_FAILOVER');
}

const LOCK = (slot: string): [string, string] => ['millrace.producers', slot];

async function lock({ config, sql, onWaiting, signal }: PreparationOptions): Promise<void> {
  for (;;) {
    const { rows } = await sql.query<{ locked: boolean }>(
      'select pg_try_advisory_lock(hashtext($1), hashtext($2)) as locked',
      LOCK(config.slotName),
    );
    if (rows[0]?.locked === true) return;
    onWaiting();
    await sleep(WAIT_MS, signal);
  }
}

async function flushedLsn(sql: pg.Client, epoch: number): Promise<Lsn> {
  const { rows } = await sql.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
  return lsnFromPostgres(rows[0]?.lsn ?? '0/0', epoch);
}

/** Where the log ends, without fencing anyone. */
async function positionsNow({ config, log }: PreparationOptions): Promise<LogPosition[]> {
  const partitions = capturePartitions(config);
  const ends = new Map<string, { start: bigint; end: bigint }>();
  for (const topic of new Set(partitions.map((partition) => partition.topic))) {
    for (const { partition, start, end } of await log.admin.offsets(topic))
      ends.set(`${topic}/${partition}`, { start, end });
  }
  return readLastPositions(
    log,
    partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      ...(ends.get(`${topic}/${partition}`) ?? { start: 0n, end: 0n }),
    })),
  );
}

function highestOf(lsns: readonly Lsn[]): Lsn {
  return lsns.reduce((high, lsn) => (lsn > high ? lsn : high), 0n);
}

/** Noted as running before its first row and as complete after its last: killed in between, it is made again. */
async function snapshot(
  options: PreparationOptions,
  tables: readonly SourceTable[],
  memory: SlotMemory,
  highest: Lsn,
): Promise<void> {
  const { config, logger, routes, signal } = options;
  const restarted = highest > 0n;
  let broken: Error | null = null;
  const onBroken = (error: Error): void => {
    broken = error;
  };
  const partitions = capturePartitions(config);
  const writer = await openCaptureWriter(options);
  const replication = await connectSource(config.databaseUrl, { replication: true, onBroken });
  const { databaseUrl, snapshotConnections, snapshotRowsPerSecond: rowsPerSecond } = config;
  const copies = await openCopyClients(databaseUrl, snapshotConnections, onBroken);
  try {
    logger.info({ slot: config.slotName, restarted }, 'snapshot begins');
    const state = stateTopic(config.topicPrefix);
    await rememberSlot(writer, state, memory);
    // Before the slot: who commits behind its beginning knows the epoch.
    await noteEpoch(options.sql, config.slotName, memory.epoch, logger);
    const { consistentPoint, snapshotName } = await makeSlot(options, replication);
    const lsn = ((BigInt(memory.epoch) << 56n) | consistentPoint) - 1n;
    if (lsn <= highest) throw unusable(config.slotName, 'was made at a position that the log has passed: start again');
    const { rows } = await takeSnapshot({
      clients: copies.clients,
      rowsPerSecond,
      snapshotName,
      publication: config.publicationName,
      lsn,
      tables,
      routes,
      writer,
      log: options.log,
      publisher: { ...options.publisher, partitions: partitionStates(partitions, []) },
      restarted,
      onProgress: options.onProgress,
      signal,
    });
    await rememberSlot(writer, state, { ...memory, snapshot: 'complete' });
    logger.info({ slot: config.slotName, rows, lsn: lsnToPostgres(lsn) }, 'snapshot is complete');
  } catch (error) {
    throw causeOf(broken, error);
  } finally {
    await copies.close();
    await endQuietly(replication);
    await writer.close();
  }
}

/** Postgres waits for the transactions that are writing; those are named meanwhile. */
async function makeSlot({ config, sql, logger, onBlockers }: PreparationOptions, replication: pg.Client) {
  const { rows } = await replication.query<{ pid: number }>('select pg_backend_pid() as pid');
  return namingBlockers(
    { client: sql, waiting: rows[0]?.pid ?? 0, logger, everyMs: BLOCKERS_EVERY_MS, onBlockers },
    createSlot(replication, config.slotName, config.slotFailover),
  );
}

const BLOCKERS_EVERY_MS = 1_000;

/** A broken connection is the cause of whatever failed on it. A function, because the compiler does not see that a callback sets `broken`. */
function causeOf(broken: Error | null, error: unknown): unknown {
  return broken ?? error;
}

/** The one writer of every partition and of the capture's notes; from here on older producers are refused. */
export function openCaptureWriter({ config, log, routes }: Pick<PreparationOptions, 'config' | 'log' | 'routes'>) {
  const name = `${config.topicPrefix}producers`;
  const data = capturePartitions(config).map(({ topic, partition }) => ({ topic, partition }));
  return log.openWriter({
    name,
    partitions: [...data, { topic: stateTopic(config.topicPrefix), partition: 0 }],
    barrier: (epoch) => routes.barrier(name, epoch),
  });
}
