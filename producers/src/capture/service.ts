import { PlatformError, asPlatformError } from '@millrace/kernel/errors';
import type { LogClient, LogWriter } from '@millrace/kernel/log';
import { Releasers } from '@millrace/kernel/lifecycle';
import type { Service } from '@millrace/kernel/lifecycle';
import { lsnText, lsnToPostgres } from '@millrace/kernel/position';
import { sleep } from '@millrace/kernel/retry';
import type { Logger, Registry } from '@millrace/kernel/telemetry';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { topicSpecs } from '@millrace/schemas/topics';
import type pg from 'pg';
import type { ProducersConfig } from '../config.ts';
import { createCaptureMetrics } from '../metrics.ts';
import type { CaptureMetrics } from '../metrics.ts';
import { Acknowledger } from '../replication/acknowledger.ts';
import { connectSource, endQuietly } from '../replication/connect.ts';
import { ReplicationStream } from '../replication/replication-stream.ts';
import { slotState, unusable } from '../replication/slot.ts';
import { Heartbeat } from './heartbeat.ts';
import { readLastPositions } from './log-positions.ts';
import { cdcPartitions } from './partitions.ts';
import { openCaptureWriter, prepareSlot } from './preparation.ts';
import { Publisher, defaultLimits, partitionStates } from './publisher.ts';
import type { FlushFacts } from './publisher.ts';
import { RouteCatalog } from './route-catalog.ts';
import type { SnapshotProgress } from './snapshot.ts';
import { sourceTables } from './source-tables.ts';
import type { SourceTable } from './source-tables.ts';
import { StreamFeed } from './stream-feed.ts';
import { realScheduler } from './watermark-schedule.ts';

export interface CaptureServiceOptions {
  readonly config: ProducersConfig;
  readonly log: LogClient;
  readonly registry: SchemaRegistry;
  readonly logger: Logger;
  readonly metrics: Registry;
}

type State = 'starting' | 'waiting' | 'snapshot' | 'streaming' | 'ended';

const WAIT_FOR_SLOT_MS = 200;
const LSN_MASK = (1n << 56n) - 1n;

/**
 * Captures the source into the `cdc.*` topics: first snapshot, then the stream, whole transactions in order, each row once.
 *
 * Whatever fails (Postgres, the log, the registry) ends `run` with an error; started again it goes on exactly after what the log holds. Of two
 * producers with one slot, the second waits until the slot is free and takes over; an older one that still runs is refused by the log.
 */
export class CaptureService implements Service {
  readonly #config: ProducersConfig;
  readonly #options: CaptureServiceOptions;
  readonly #logger: Logger;
  readonly #metrics: CaptureMetrics;
  readonly #epochBits: bigint;
  #state: State = 'starting';
  #snapshot: SnapshotProgress | null = null;
  #publisher: Publisher | null = null;
  #acknowledger: Acknowledger | null = null;
  #fail: (error: unknown) => void = () => undefined;
  #stream: ReplicationStream | null = null;
  #pressed = false;
  #blocked = false;
  #ackedCommitUs = 0;

  constructor(options: CaptureServiceOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#logger = options.logger.child({ component: 'capture' });
    this.#epochBits = BigInt(options.config.sourceEpoch) << 56n;
    this.#metrics = createCaptureMetrics(options.metrics, {
      position: () => Number((this.#publisher?.watermark ?? 0n) & LSN_MASK),
      lagSeconds: () => (this.#ackedCommitUs === 0 ? 0 : (Date.now() - this.#ackedCommitUs / 1000) / 1000),
    });
  }

  ready(): { ready: boolean; reason?: string } {
    if (this.#state === 'streaming') return { ready: true };
    if (this.#state === 'waiting')
      return { ready: false, reason: 'another producer uses the slot; this one takes over when it ends' };
    const snapshot = this.#snapshot;
    if (this.#state !== 'snapshot' || snapshot === null) return { ready: false, reason: this.#state };
    const { table, tablesDone, tables, rows } = snapshot;
    return { ready: false, reason: `snapshot: table ${tablesDone + 1} of ${tables} (${table}), ${rows} rows so far` };
  }

  status(): unknown {
    const commit = this.#publisher?.lastCommit ?? null;
    const acknowledged = this.#acknowledger?.acknowledged ?? 0n;
    return {
      state: this.#state,
      slot: this.#config.slotName,
      position: lsnText(this.#publisher?.watermark ?? 0n),
      lastCommit:
        commit === null ? null : { lsn: lsnText(commit.lsn), committedAt: new Date(commit.tsUs / 1000).toISOString() },
      acknowledged: lsnToPostgres(acknowledged),
      inFlightBytes: this.#publisher?.inFlightBytes ?? 0,
      paused: this.#stream?.paused ?? false,
      snapshot: this.#snapshot,
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const releasers = new Releasers();
    const failed = new Promise<never>((_resolve, reject) => {
      this.#fail = reject;
    });
    failed.catch(() => undefined);
    try {
      await Promise.race([this.#capture(signal, releasers), failed]);
    } catch (error) {
      // What ends the waiting early on a stop is the stop itself.
      if (!signal.aborted) throw sourceError(error);
    } finally {
      this.#state = 'ended';
      await releasers.release();
    }
  }

  async #capture(signal: AbortSignal, releasers: Releasers): Promise<void> {
    const sql = await this.#connect(releasers, false);
    const { tables, routes } = await this.#openCatalog(sql);
    await prepareSlot({
      config: this.#config,
      log: this.#options.log,
      logger: this.#logger,
      sql,
      tables,
      routes,
      signal,
      publisher: {
        scheduler: realScheduler,
        limits: this.#limits(),
        onAcknowledged: (facts) => this.#acknowledged(facts),
      },
      onWaiting: () => (this.#state = 'waiting'),
      onProgress: (progress) => {
        this.#state = 'snapshot';
        this.#snapshot = progress;
        this.#metrics.snapshotRows.set(progress.rows);
      },
    });
    await this.#streamUntilStopped(signal, releasers, sql, routes);
  }

  async #openCatalog(sql: pg.Client): Promise<{ tables: SourceTable[]; routes: RouteCatalog }> {
    const { topicPrefix, partitions, publicationName } = this.#config;
    const tables = await sourceTables(sql, publicationName);
    const { created } = await this.#options.log.admin.ensureTopics(
      topicSpecs(topicPrefix, partitions).filter(({ topic }) => topic.startsWith(`${topicPrefix}cdc.`)),
    );
    if (created.length > 0) this.#logger.info({ created }, 'topics created');
    return { tables, routes: await RouteCatalog.open(this.#options.registry, topicPrefix, partitions, tables) };
  }

  /** The slot first, then the log: who has the slot may fence. */
  async #streamUntilStopped(
    signal: AbortSignal,
    releasers: Releasers,
    sql: pg.Client,
    routes: RouteCatalog,
  ): Promise<void> {
    const replication = await this.#connect(releasers, true);
    let feed: StreamFeed | null = null;
    const early: Buffer[] = [];
    const stream = await this.#startStream(replication, signal, sql, (message) => {
      if (feed === null) early.push(Buffer.from(message));
      else feed.take(message);
    });
    this.#stream = stream;
    releasers.push('status updates', () => stream.stop());
    stream.ended.then(
      () => this.#fail(new PlatformError('engine-unreachable', 'Postgres ended the replication stream')),
      (error: unknown) => this.#fail(error),
    );
    stream.setPaused(true);

    const writer = await openCaptureWriter({ config: this.#config, log: this.#options.log, routes });
    const publisher = await this.#openPublisher(writer, routes, releasers);
    const heartbeat = new Heartbeat({
      client: sql,
      everyMs: this.#config.heartbeatMs,
      paused: () => stream.paused,
      onFailure: this.#fail,
    });
    releasers.push('heartbeat', () => heartbeat.stop());
    feed = new StreamFeed({
      publisher,
      routes,
      epochBits: this.#epochBits,
      onBlocked: (blocked) => {
        this.#blocked = blocked;
        this.#pauseIfNeeded();
      },
      onReplyRequested: () => stream.reportNow(),
      onMessage: () => heartbeat.heard(),
      onCommit: () => heartbeat.committed(),
      onFailure: this.#fail,
    });
    for (const message of early) feed.take(message);
    this.#pauseIfNeeded();
    this.#state = 'streaming';
    this.#logger.info({ slot: this.#config.slotName, epoch: writer.epoch }, 'streaming');

    await stopped(signal);
    stream.setPaused(true);
    await publisher.drain();
    stream.reportNow();
    await writer.close();
  }

  async #startStream(
    replication: pg.Client,
    signal: AbortSignal,
    sql: pg.Client,
    onMessage: (message: Buffer) => void,
  ): Promise<ReplicationStream> {
    const { slotName, publicationName } = this.#config;
    for (;;) {
      const stream = await ReplicationStream.start(replication, {
        slot: slotName,
        publication: publicationName,
        onMessage,
        // Zero, before the slot's state is known, says nothing to Postgres.
        acknowledged: () => (this.#acknowledger?.acknowledged ?? 0n) & LSN_MASK,
      });
      if (stream !== null) {
        const slot = await slotState(sql, slotName);
        if (slot === null) throw unusable(slotName, 'was dropped while the producer was starting: start it again');
        this.#acknowledger = new Acknowledger(slot.confirmedFlush);
        return stream;
      }
      this.#state = 'waiting';
      await sleep(WAIT_FOR_SLOT_MS, signal);
    }
  }

  async #openPublisher(writer: LogWriter, routes: RouteCatalog, releasers: Releasers): Promise<Publisher> {
    const { topicPrefix, partitions } = this.#config;
    const positions = await readLastPositions(
      this.#options.log,
      writer.ends.map(({ topic, partition, startOffset, barrierOffset }) => ({
        topic,
        partition,
        start: startOffset,
        end: barrierOffset,
      })),
    );
    const acknowledger = this.#acknowledger ?? new Acknowledger(0n);
    const publisher = new Publisher({
      append: (batches) => writer.append(batches),
      partitions: partitionStates(cdcPartitions(topicPrefix, partitions), positions),
      watermarkSchemaId: (topic) => routes.watermarkId(topic),
      acknowledger,
      streamTimeUs: Math.max(...positions.map(({ tsUs }) => tsUs)),
      limits: this.#limits(),
      scheduler: realScheduler,
      onFailure: (error) => this.#fail(error),
      onPressure: (pressed) => {
        this.#pressed = pressed;
        this.#pauseIfNeeded();
      },
      onAcknowledged: (facts) => this.#acknowledged(facts),
    });
    this.#publisher = publisher;
    releasers.push('publisher', () => publisher.stop());
    return publisher;
  }

  #limits() {
    return { ...defaultLimits, maxInFlightBytes: this.#config.maxInFlightBytes };
  }

  #pauseIfNeeded(): void {
    this.#stream?.setPaused(this.#pressed || this.#blocked);
  }

  #acknowledged({ rows, bytes, committedAtUs }: FlushFacts): void {
    this.#stream?.reportSoon();
    this.#metrics.inFlightBytes.set(this.#publisher?.inFlightBytes ?? 0);
    this.#metrics.dropped.set(this.#publisher?.dropped ?? 0);
    if (committedAtUs !== null) this.#ackedCommitUs = Math.max(this.#ackedCommitUs, committedAtUs);
    if (rows === 0) return;
    this.#metrics.rows.inc(rows);
    this.#metrics.bytes.inc(bytes);
    this.#metrics.flushes.inc();
    if (committedAtUs !== null) {
      this.#metrics.commitToAck.observe(Math.max(0, (Date.now() - committedAtUs / 1000) / 1000));
    }
  }

  async #connect(releasers: Releasers, replication: boolean): Promise<pg.Client> {
    const client = await connectSource(this.#config.databaseUrl, {
      replication,
      onBroken: (error) => this.#fail(error),
    });
    releasers.push(replication ? 'replication connection' : 'connection', () => endQuietly(client));
    return client;
  }
}

/** What Postgres or its connection says, as an error of the platform. */
function sourceError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  const isConnection = error instanceof Error && /ECONN|EPIPE|terminat|ended|closed|shutting down/i.test(error.message);
  return isConnection
    ? new PlatformError('engine-unreachable', `Postgres: ${error.message}`, { cause: error })
    : asPlatformError(error);
}

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
