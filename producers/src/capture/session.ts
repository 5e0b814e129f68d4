import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { PlatformError, isKind } from '@millrace/kernel/errors';
import { Releasers } from '@millrace/kernel/lifecycle';
import type { LogClient, LogWriter } from '@millrace/kernel/log';
import type { Lsn } from '@millrace/kernel/position';
import { sleep } from '@millrace/kernel/retry';
import type { Logger } from '@millrace/kernel/telemetry';
import type { CommitStamp } from '@millrace/schemas/cdc';
import type pg from 'pg';
import type { ProducersConfig } from '../config.ts';
import { Acknowledger } from '../replication/acknowledger.ts';
import { connectSource, endQuietly } from '../replication/connect.ts';
import { ReplicationStream } from '../replication/replication-stream.ts';
import { slotState, unusable } from '../replication/slot.ts';
import { Resnapshots } from '../resnapshot/index.ts';
import type { TableControl } from '../control/index.ts';
import { CapturedRelations } from '../schema-change/captured-relations.ts';
import type { DdlMarks } from '../schema-change/ddl.ts';
import type { Generations } from '../schema-change/generations.ts';
import type { ParkedTables } from '../schema-change/parked-tables.ts';
import { TableResumer } from '../schema-change/resume-table.ts';
import type { TableResumerOptions } from '../schema-change/resume-table.ts';
import { rememberSlot, stateTopic, writeNote } from '../slot-care/memory.ts';
import { TransactionSpool } from '../spool/index.ts';
import { Heartbeat } from './heartbeat.ts';
import { readLastPositions } from './log-positions.ts';
import { startEmptying } from '../outbox/emptying.ts';
import { capturePartitions, partitionStates } from './partitions.ts';
import { openCaptureWriter } from './preparation.ts';
import type { PreparedSource } from './preparation.ts';
import { Publisher } from './publisher.ts';
import type { FlushFacts, PublisherLimits } from './publisher.ts';
import type { RouteCatalog } from './route-catalog.ts';
import type { SourceTable } from './source-tables.ts';
import { StreamFeed } from './stream-feed.ts';
import { StreamedTransactions } from './streamed-transactions.ts';
import { UnprovenColumn } from '../wire-format/index.ts';
import type { WireFormat } from '../wire-format/index.ts';
import { realScheduler } from './watermark-schedule.ts';

export interface SessionOptions {
  readonly config: ProducersConfig;
  readonly log: LogClient;
  readonly logger: Logger;
  /** An ordinary connection to the source, for small statements. */
  readonly sql: pg.Client;
  /** Those that are not parked now. */
  readonly tables: () => readonly SourceTable[];
  readonly routes: RouteCatalog;
  readonly source: PreparedSource;
  readonly parked: ParkedTables;
  readonly generations: Generations;
  readonly ddl: DdlMarks;
  readonly limits: PublisherLimits;
  /** A replication connection; the session ends it. */
  readonly connect: (onBroken: (error: Error) => void) => Promise<pg.Client>;
  /** Another producer uses the slot; this one waits for it. */
  readonly onWaiting: () => void;
  readonly onStreaming: () => void;
  /** Whether Postgres is to send large transactions before their end; `run` rejects with `spool-full` where they find no room. */
  readonly streamInProgress: boolean;
  /** `run` rejects with `UnprovenColumn` where a column comes that its types do not have. */
  readonly wireFormat: WireFormat;
  readonly onStreamedEnd: (outcome: 'committed' | 'aborted') => void;
  readonly onAcknowledged: (facts: FlushFacts) => void;
}

/** Why reading from the source is held. It goes on when no reason is left; status updates go on all the time. */
export type HoldReason = 'opening' | 'operator' | 'pressure' | 'schema' | 'replay' | 'spool' | 'stopping';

const WAIT_FOR_SLOT_MS = 200;
/** So long each thing that was open may take to end. */
const RELEASE_MS = 5_000;
const LSN_MASK = (1n << 56n) - 1n;

/**
 * One stream of the slot into the log, from its start until it is stopped or fails: connection, writer, publisher, feed, heartbeat and what
 * joins them. Used once.
 */
export class StreamingSession {
  readonly #options: SessionOptions;
  readonly #releasers = new Releasers();
  readonly #holds = new Set<HoldReason>(['opening']);
  readonly #failed: Promise<never>;
  /** Something that runs beside has failed: the session is at its end. */
  #fail: (error: unknown) => void = () => undefined;
  #stream: ReplicationStream | null = null;
  #publisher: Publisher | null = null;
  #acknowledger: Acknowledger | null = null;
  #resnapshots: Resnapshots | null = null;
  #tables: TableResumer | null = null;
  #writer: LogWriter | null = null;
  #spool: TransactionSpool | null = null;
  #closed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#failed = new Promise<never>((_resolve, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => undefined);
  }

  /** Every commit at or below has been taken in; 0 before the first. */
  get watermark(): Lsn {
    return this.#publisher?.watermark ?? 0n;
  }

  get lastCommit(): CommitStamp | null {
    return this.#publisher?.lastCommit ?? null;
  }

  /** What Postgres is told. */
  get acknowledged(): Lsn {
    return this.#acknowledger?.acknowledged ?? 0n;
  }

  get inFlightBytes(): number {
    return this.#publisher?.inFlightBytes ?? 0;
  }

  /** What is kept of transactions in progress. */
  get spooled(): { readonly bytes: number; readonly transactions: number } {
    return { bytes: this.#spool?.bytes ?? 0, transactions: this.#spool?.transactions ?? 0 };
  }

  /** Rows sent again by Postgres that the log held already. */
  get dropped(): number {
    return this.#publisher?.dropped ?? 0;
  }

  /** Null before it streams. */
  get resnapshots(): Resnapshots | null {
    return this.#resnapshots;
  }

  /** Null before it streams. */
  get tables(): TableControl | null {
    return this.#tables;
  }

  /** Why reading is held; empty while it flows. */
  get holds(): readonly HoldReason[] {
    return [...this.#holds];
  }

  hold(reason: HoldReason, held: boolean): void {
    if (held) this.#holds.add(reason);
    else this.#holds.delete(reason);
    this.#stream?.setPaused(this.#holds.size > 0);
  }

  /**
   * Waits for the slot, streams until `signal` aborts, and resolves when all that was read is in the log and acknowledged.
   * Rejects when anything of it fails. Either way everything it opened is released.
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await Promise.race([this.#untilStopped(signal), this.#failed]);
    } catch (error) {
      // This process goes on after it: what is in flight is settled before another session opens the log.
      const goesOn = isKind(error, 'spool-full') || error instanceof UnprovenColumn;
      if (goesOn) {
        this.#publisher?.stop();
        await this.#writer?.close();
      }
      await this.close().catch((late: unknown) => {
        this.#options.logger.error({ err: late }, 'something of the session does not end');
        if (goesOn) throw late;
      });
      throw error;
    }
    await this.close();
  }

  /**
   * Ends at once, whatever is in flight; a `run` that still waits stays without an answer. Rejects where something does not end: then this process
   * must not open another session.
   */
  close(): Promise<void> {
    this.#closed = true;
    return this.#releasers.release(RELEASE_MS);
  }

  /** The slot first, then the log: who has the slot may fence. */
  async #untilStopped(signal: AbortSignal): Promise<void> {
    const { config, log, logger, routes, source, parked, ddl } = this.#options;
    const onFailure = this.#fail;
    let feed: StreamFeed | null = null;
    const early: Buffer[] = [];
    const stream = await this.#startStream(signal, (message) => {
      if (feed === null) early.push(Buffer.from(message));
      else feed.take(message);
    });
    const writer = await openCaptureWriter({ config, log, routes });
    const state = stateTopic(config.topicPrefix);
    const note = (key: string, value: unknown) => writeNote(writer, state, key, value);
    this.#options.generations.open(note);
    await parked.open(note);
    if (!source.noted) await rememberSlot(writer, state, source.memory);
    this.#writer = writer;
    const publisher = await this.#openPublisher(writer);
    const heartbeat = new Heartbeat({
      client: this.#options.sql,
      everyMs: config.heartbeatMs,
      silenceMs: config.sourceSilenceMs,
      paused: () => stream.paused,
      onFailure,
    });
    this.#releasers.push('heartbeat', () => heartbeat.stop());
    const resnapshots = this.#openResnapshots(publisher);
    const relations = new CapturedRelations(routes, parked);
    let { memory } = source;
    const onResumed = (table: string, primaryKey: readonly string[]): Promise<void> => {
      memory = { ...memory, tables: { ...memory.tables, [table]: primaryKey } };
      return rememberSlot(writer, state, memory);
    };
    const tables = this.#openTables({ publisher, resnapshots, relations, onResumed });
    if (routes.outbox !== null) {
      const emptying = startEmptying({
        databaseUrl: config.databaseUrl,
        outbox: routes.outbox,
        acknowledged: () => this.acknowledged & LSN_MASK,
        published: () => publisher.events,
        onFailure,
      });
      this.#releasers.push('emptying of the outbox', () => emptying.stop());
    }
    const following = new StreamFeed({
      publisher,
      relations,
      wireTypes: this.#options.wireFormat.types,
      epochBits: BigInt(source.epoch) << 56n,
      streamed: await this.#openSpool(),
      onBlocked: (reason, blocked) => this.hold(reason, blocked),
      onReplyRequested: () => stream.reportNow(),
      onMessage: () => heartbeat.heard(),
      onCommit: () => heartbeat.committed(),
      onLogicalMessage: (prefix, content) => {
        resnapshots.marks.take(prefix, content);
        ddl.take(prefix, content, publisher.openCommit);
        return tables.take(prefix, content);
      },
      onLeftOut: (table) => parked.count(table),
      onFailure,
    });
    feed = following;
    this.#releasers.push('feed', () => following.stop());
    for (const message of early) feed.take(message);
    this.hold('opening', false);
    const wireFormat = this.#options.wireFormat.said;
    logger.info({ slot: config.slotName, epoch: writer.epoch, wireFormat }, 'streaming');
    this.#options.onStreaming();
    resnapshots.start();
    tables.goOn().catch(onFailure);

    await stopped(signal);
    if (this.#closed) return;
    this.hold('stopping', true);
    feed.stop();
    await publisher.drain();
    stream.reportNow();
    await writer.close();
  }

  #openTables(of: Pick<TableResumerOptions, 'publisher' | 'resnapshots' | 'relations' | 'onResumed'>): TableResumer {
    const { config, logger, sql, routes, parked } = this.#options;
    const declared = config.captureTables.declaration.tables;
    this.#tables = new TableResumer({
      ...of,
      sql,
      publication: config.publicationName,
      declared,
      routes,
      parked,
      logger,
    });
    return this.#tables;
  }

  #openResnapshots(publisher: Publisher): Resnapshots {
    const { config, log, logger, sql, tables, routes } = this.#options;
    const resnapshots = new Resnapshots({
      slot: config.slotName,
      publication: config.publicationName,
      topicPrefix: config.topicPrefix,
      partitions: config.partitions,
      chunkRows: config.resnapshotChunkRows,
      rowsPerSecond: config.resnapshotRowsPerSecond,
      log,
      logger,
      sql,
      connect: () => connectSource(config.databaseUrl),
      tables,
      routes,
      publisher,
      acknowledged: () => this.acknowledged,
      onFailure: this.#fail,
    });
    this.#resnapshots = resnapshots;
    this.#releasers.push('re-snapshots', () => resnapshots.stop());
    return resnapshots;
  }

  async #startStream(signal: AbortSignal, onMessage: (message: Buffer) => void): Promise<ReplicationStream> {
    const { connect, sql, onWaiting } = this.#options;
    const { slotName, publicationName } = this.#options.config;
    const replication = await connect(this.#fail);
    this.#releasers.push('replication connection', () => endQuietly(replication));
    for (;;) {
      const stream = await ReplicationStream.start(replication, {
        slot: slotName,
        publication: publicationName,
        streaming: this.#options.streamInProgress,
        binary: this.#options.wireFormat.types !== null,
        onMessage,
        // Zero, before the slot's state is known, says nothing to Postgres.
        acknowledged: () => (this.#acknowledger?.acknowledged ?? 0n) & LSN_MASK,
      });
      if (stream === null) {
        onWaiting();
        await sleep(WAIT_FOR_SLOT_MS, signal);
        continue;
      }
      this.#stream = stream;
      this.#releasers.push('status updates', () => stream.stop());
      stream.setPaused(true);
      stream.ended.then(
        () => this.#fail(new PlatformError('engine-unreachable', 'Postgres ended the replication stream')),
        this.#fail,
      );
      const slot = await slotState(sql, slotName);
      if (slot === null) throw unusable(slotName, 'was dropped while the producer was starting: start it again');
      if (slot.invalidated !== null) throw unusable(slotName, `was invalidated (${slot.invalidated}): start again`);
      this.#acknowledger = new Acknowledger(slot.confirmedFlush);
      return stream;
    }
  }

  /** Who has the slot may empty its spool. */
  async #openSpool(): Promise<StreamedTransactions | null> {
    const { config, source, streamInProgress, onStreamedEnd } = this.#options;
    if (!streamInProgress) return null;
    const spool = await TransactionSpool.open({
      folder: join(config.spoolFolder, `${source.memory.systemId}-${config.slotName}`),
      session: randomUUID(),
      maxBytes: config.spoolMaxBytes,
      onPressure: (pressed) => this.hold('spool', pressed),
      onFailure: this.#fail,
    });
    this.#spool = spool;
    this.#releasers.push('spool', () => spool.close());
    return new StreamedTransactions(spool, onStreamedEnd);
  }

  async #openPublisher(writer: LogWriter): Promise<Publisher> {
    const { config, log, routes, limits, onAcknowledged } = this.#options;
    const positions = await readLastPositions(
      log,
      writer.ends
        .filter(({ topic }) => topic !== stateTopic(config.topicPrefix))
        .map(({ topic, partition, startOffset, barrierOffset }) => ({
          topic,
          partition,
          start: startOffset,
          end: barrierOffset,
        })),
    );
    const publisher = new Publisher({
      append: (batches) => writer.append(batches),
      partitions: partitionStates(capturePartitions(config), positions),
      watermarkSchemaId: (topic) => routes.watermarkId(topic),
      acknowledger: this.#acknowledger ?? new Acknowledger(0n),
      streamTimeUs: Math.max(...positions.map(({ tsUs }) => tsUs)),
      limits,
      scheduler: realScheduler,
      onFailure: this.#fail,
      onPressure: (pressed) => this.hold('pressure', pressed),
      onAcknowledged: (facts) => {
        this.#stream?.reportSoon();
        onAcknowledged(facts);
      },
    });
    this.#publisher = publisher;
    this.#releasers.push('publisher', () => publisher.stop());
    return publisher;
  }
}

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
