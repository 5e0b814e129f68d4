import type { LogClient } from '@millrace/kernel/log';
import type { Logger } from '@millrace/kernel/telemetry';
import { lsnFromPostgres, lsnToPostgres } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import { sleep } from '@millrace/kernel/retry';
import type pg from 'pg';
import type { ProducersConfig } from '../config.ts';
import { connectSource, endQuietly } from '../replication/connect.ts';
import { createSlot, dropSlot, slotState, unusable } from '../replication/slot.ts';
import { readLastPositions } from './log-positions.ts';
import type { LogPosition } from './log-positions.ts';
import { cdcPartitions } from './partitions.ts';
import type { PublisherOptions } from './publisher.ts';
import { partitionStates } from './publisher.ts';
import type { RouteCatalog } from './route-catalog.ts';
import { takeSnapshot } from './snapshot.ts';
import type { SnapshotProgress } from './snapshot.ts';
import type { SourceTable } from './source-tables.ts';

export interface PreparationOptions {
  readonly config: ProducersConfig;
  readonly log: LogClient;
  readonly logger: Logger;
  readonly sql: pg.Client;
  readonly tables: readonly SourceTable[];
  readonly routes: RouteCatalog;
  readonly publisher: Pick<PublisherOptions, 'scheduler' | 'limits' | 'onAcknowledged'>;
  readonly onProgress: (progress: SnapshotProgress) => void;
  readonly onWaiting: () => void;
  readonly signal: AbortSignal;
}

const WAIT_MS = 250;

/**
 * Makes sure there is a slot whose stream goes on where the log ends: takes the first snapshot, or takes it again where one was not completed.
 * Throws `replication-slot-unusable`, saying what to do, where slot and log do not belong together.
 *
 * One producer at a time decides and copies (an advisory lock of its session); others wait.
 */
export async function prepareSlot(options: PreparationOptions): Promise<void> {
  const { config, sql, signal } = options;
  await lock(options);
  try {
    for (;;) {
      const slot = await slotState(sql, config.slotName);
      const positions = await positionsNow(options);
      const complete = positions.every(({ watermarked }) => watermarked);
      const highest = highestOf(positions);
      const source = await flushedLsn(sql, config.sourceEpoch);
      if (highest > source) {
        throw unusable(
          config.slotName,
          `is behind the log, which holds position ${lsnToPostgres(highest)} while the database is at ${lsnToPostgres(source)}: ` +
            'the database was replaced; raise SOURCE_EPOCH, drop the slot, delete the cdc topics and start again',
        );
      }
      if (slot !== null && complete) return;
      if (slot === null && complete) {
        throw unusable(
          config.slotName,
          'does not exist, but the log holds a completed snapshot: changes since then may be lost; delete the cdc topics and start again',
        );
      }
      if (slot === null || (await dropSlot(sql, config.slotName))) {
        await snapshot(options, highest > 0n);
        return;
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
  const partitions = cdcPartitions(config.topicPrefix, config.partitions);
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

function highestOf(positions: readonly LogPosition[]): Lsn {
  return positions.reduce((high, { last }) => (last !== null && last.lsn > high ? last.lsn : high), 0n);
}

async function snapshot(options: PreparationOptions, restarted: boolean): Promise<void> {
  const { config, logger, routes, signal } = options;
  let broken: Error | null = null;
  const onBroken = (error: Error): void => {
    broken = error;
  };
  const partitions = cdcPartitions(config.topicPrefix, config.partitions);
  const writer = await openCaptureWriter(options);
  const replication = await connectSource(config.databaseUrl, { replication: true, onBroken });
  const client = await connectSource(config.databaseUrl, { onBroken });
  try {
    logger.info({ slot: config.slotName, restarted }, 'snapshot begins');
    const { consistentPoint, snapshotName } = await createSlot(replication, config.slotName);
    const lsn = ((BigInt(config.sourceEpoch) << 56n) | consistentPoint) - 1n;
    const { rows } = await takeSnapshot({
      client,
      snapshotName,
      lsn,
      tables: options.tables,
      routes,
      writer,
      publisher: { ...options.publisher, partitions: partitionStates(partitions, []) },
      restarted,
      onProgress: options.onProgress,
      signal,
    });
    logger.info({ slot: config.slotName, rows, lsn: lsnToPostgres(lsn) }, 'snapshot is complete');
  } catch (error) {
    throw causeOf(broken, error);
  } finally {
    await endQuietly(client);
    await endQuietly(replication);
    await writer.close();
  }
}

/** A broken connection is the cause of whatever failed on it. A function, because the compiler does not see that a callback sets `broken`. */
function causeOf(broken: Error | null, error: unknown): unknown {
  return broken ?? error;
}

/** The one writer of every `cdc.*` partition; from here on older producers are refused. */
export function openCaptureWriter({ config, log, routes }: Pick<PreparationOptions, 'config' | 'log' | 'routes'>) {
  const name = `${config.topicPrefix}producers`;
  return log.openWriter({
    name,
    partitions: cdcPartitions(config.topicPrefix, config.partitions).map(({ topic, partition }) => ({
      topic,
      partition,
    })),
    barrier: (epoch) => routes.barrier(name, epoch),
  });
}
