import { PlatformError, asPlatformError } from '@millrace/kernel/errors';
import type { LogClient } from '@millrace/kernel/log';
import { Releasers } from '@millrace/kernel/lifecycle';
import type { Service } from '@millrace/kernel/lifecycle';
import { lsnText, lsnToPostgres } from '@millrace/kernel/position';
import type { Logger, Registry } from '@millrace/kernel/telemetry';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import type pg from 'pg';
import type { ProducersConfig } from '../config.ts';
import { controlAction } from '../control/index.ts';
import type { CaptureControl, StreamControl } from '../control/index.ts';
import { watchDeclaration } from '../declaration/index.ts';
import { createCaptureMetrics } from '../metrics.ts';
import type { CaptureMetrics } from '../metrics.ts';
import { DdlMarks } from '../schema-change/ddl.ts';
import { parkedText } from '../schema-change/parked-tables.ts';
import type { ParkedTables } from '../schema-change/parked-tables.ts';
import { blockersText } from '../slot-care/blockers.ts';
import type { Blocker } from '../slot-care/blockers.ts';
import { HealGate, refusalText } from '../slot-care/heal-gate.ts';
import type { Refusal } from '../slot-care/heal-gate.ts';
import { SlotWatch } from '../slot-care/slot-watch.ts';
import { connectSource, endQuietly, takingTurns } from '../replication/connect.ts';
import { createProgressMetrics } from '../resnapshot/index.ts';
import { startBehaviourRetention } from '../retention/index.ts';
import { openCatalog } from './open-catalog.ts';
import { prepareSlot } from './preparation.ts';
import { defaultLimits } from './publisher.ts';
import type { FlushFacts } from './publisher.ts';
import { snapshotReason } from './snapshot.ts';
import type { SnapshotProgress } from './snapshot.ts';
import { StreamingSession } from './session.ts';
import type { SessionOptions } from './session.ts';
import { StreamDemands } from './stream-demands.ts';
import { realScheduler } from './watermark-schedule.ts';

export interface CaptureServiceOptions {
  readonly config: ProducersConfig;
  readonly log: LogClient;
  readonly registry: SchemaRegistry;
  readonly logger: Logger;
  readonly metrics: Registry;
}

type State = 'starting' | 'waiting' | 'refused' | 'snapshot' | 'streaming' | 'ended';

const LSN_MASK = (1n << 56n) - 1n;
/** So long each thing that was open may take to end, before the process goes without it. */
const RELEASE_MS = 5_000;

/**
 * Captures the source into the `cdc.*` topics: first snapshot, then the stream, whole transactions in order, each row once.
 *
 * Whatever fails (Postgres, the log, the registry) ends `run` with an error; started again it goes on exactly after what the log holds. Of two
 * producers with one slot, the second waits until the slot is free and takes over; an older one that still runs is refused by the log.
 */
export class CaptureService implements Service {
  #config: ProducersConfig;
  readonly #options: CaptureServiceOptions;
  readonly #logger: Logger;
  readonly #metrics: CaptureMetrics;
  #state: State = 'starting';
  #snapshot: SnapshotProgress | null = null;
  #session: StreamingSession | null = null;
  #watch: SlotWatch | null = null;
  #refusal: Refusal | null = null;
  #parked: ParkedTables | null = null;
  readonly #ddl: DdlMarks;
  #blockers: readonly Blocker[] = [];
  readonly #gate: HealGate;
  #fail: (error: unknown) => void = () => undefined;
  #ackedCommitUs = 0;
  /** By the operator; over sessions of this process. */
  #paused = false;
  #isForgetting = false;
  readonly #demands: StreamDemands;

  constructor(options: CaptureServiceOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#logger = options.logger.child({ component: 'capture' });
    this.#ddl = new DdlMarks(this.#logger);
    this.#gate = new HealGate(options.config.autoHeal);
    this.#demands = new StreamDemands(options.config);
    this.#metrics = createCaptureMetrics(options.metrics, {
      position: () => Number((this.#session?.watermark ?? 0n) & LSN_MASK),
      refused: () => this.#state === 'refused',
      parked: () => this.#parked?.list() ?? [],
      lagSeconds: () => (this.#ackedCommitUs === 0 ? 0 : (Date.now() - this.#ackedCommitUs / 1000) / 1000),
      spoolBytes: () => this.#session?.spooled.bytes ?? 0,
      spoolTransactions: () => this.#session?.spooled.transactions ?? 0,
      streamInProgress: () => (this.#demands.streamInProgress ? 1 : 0),
    });
    createProgressMetrics(options.metrics, {
      snapshot: () => this.#snapshot,
      resnapshot: () => this.#session?.resnapshots?.current ?? null,
      paused: () => this.#paused,
    });
  }

  ready(): { ready: boolean; reason?: string } {
    if (this.#state === 'streaming') {
      if (this.#stream()?.paused === true)
        return { ready: false, reason: 'paused by the operator: `millrace capture resume` goes on' };
      const said = [this.#watch?.alarm ?? null, ...(this.#parked?.list() ?? []).map(parkedText)];
      const reason = said.filter((text) => text !== null).join('; ');
      return reason === '' ? { ready: true } : { ready: true, reason };
    }
    if (this.#state === 'refused' && this.#refusal !== null)
      return { ready: false, reason: refusalText(this.#refusal) };
    if (this.#blockers.length > 0) return { ready: false, reason: blockersText(this.#blockers) };
    if (this.#state === 'waiting')
      return { ready: false, reason: 'another producer uses the slot; this one takes over when it ends' };
    const snapshot = this.#snapshot;
    if (this.#state !== 'snapshot' || snapshot === null) return { ready: false, reason: this.#state };
    return { ready: false, reason: snapshotReason(snapshot) };
  }

  /** Rows sent again by Postgres that the log held already. */
  get dropped(): number {
    return this.#session?.dropped ?? 0;
  }

  status(): unknown {
    const session = this.#session;
    const commit = session?.lastCommit ?? null;
    const holds = session?.holds ?? [];
    return {
      state: this.#state,
      slot: this.#config.slotName,
      position: lsnText(session?.watermark ?? 0n),
      lastCommit:
        commit === null ? null : { lsn: lsnText(commit.lsn), committedAt: new Date(commit.tsUs / 1000).toISOString() },
      acknowledged: lsnToPostgres(session?.acknowledged ?? 0n),
      inFlightBytes: session?.inFlightBytes ?? 0,
      paused: holds.length > 0,
      holds,
      snapshot: this.#snapshot,
      resnapshot: session?.resnapshots?.current ?? null,
      slotHealth: this.#watch?.health ?? null,
      alarm: this.#watch?.alarm ?? null,
      refusal: this.#state === 'refused' ? this.#refusal : null,
      blockers: this.#blockers,
      parked: this.#parked?.list() ?? [],
      ddl: this.#ddl.newest,
      streamInProgress: this.#demands.streamInProgressText,
      wireFormat: this.#demands.wireFormatText,
      spool: session?.spooled ?? null,
    };
  }

  /** What an operator may ask: see `CaptureControl`. */
  control(action: string, body: Readonly<Record<string, unknown>>): Promise<unknown> | null {
    const control: CaptureControl = {
      stream: this.#stream(),
      resnapshots: this.#session?.resnapshots ?? null,
      tables: this.#session?.tables ?? null,
      slot: this.#state === 'refused' ? { heal: () => Promise.resolve(this.heal()) } : null,
    };
    return controlAction(control, action, body);
  }

  #stream(): StreamControl | null {
    const session = this.#session;
    if (session === null || this.#state !== 'streaming') return null;
    const hold = (paused: boolean): void => {
      this.#paused = paused;
      session.hold('operator', paused);
    };
    return { paused: this.#paused, pause: () => hold(true), resume: () => hold(false) };
  }

  /**
   * Allows a new snapshot of everything where the slot was refused. Answers what it heals; null where nothing is refused: then it does nothing.
   */
  heal(): Refusal | null {
    const refusal = this.#state === 'refused' ? this.#refusal : null;
    if (refusal !== null) this.#gate.grant();
    return refusal;
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
      await releasers.release(RELEASE_MS).catch((error: unknown) => {
        this.#logger.error({ err: error }, 'something that was open does not end: the process goes without it');
      });
    }
  }

  async #capture(signal: AbortSignal, releasers: Releasers): Promise<void> {
    const sql = takingTurns(await connectSource(this.#config.databaseUrl, { onBroken: this.#fail }));
    releasers.push('connection', () => endQuietly(sql));
    this.#watch = this.#watchSlot(sql, releasers);
    for (;;) {
      const changed = new AbortController();
      const { file, declaration } = this.#config.captureTables;
      const unwatch = watchDeclaration({
        file,
        current: declaration,
        everyMs: this.#config.slotCheckMs,
        logger: this.#logger,
        onChange: (next) => {
          this.#logger.info({ file }, 'the declaration of captured tables has changed: going on with it');
          this.#config = { ...this.#config, captureTables: { file, declaration: next } };
          changed.abort(new Error('the declaration has changed'));
        },
      });
      try {
        await this.#captureDeclared(AbortSignal.any([signal, changed.signal]), releasers, sql);
      } catch (error) {
        if (signal.aborted || !changed.signal.aborted) throw error;
      } finally {
        unwatch();
      }
      if (signal.aborted || !changed.signal.aborted) return;
      this.#state = 'starting';
    }
  }

  /** With one declaration of tables. */
  async #captureDeclared(signal: AbortSignal, releasers: Releasers, sql: pg.Client): Promise<void> {
    const { tables, snapshotTables, routes, parked, generations } = await openCatalog({
      config: this.#config,
      log: this.#options.log,
      registry: this.#options.registry,
      logger: this.#logger,
      metrics: this.#metrics.outbox,
      sql,
    });
    this.#parked = parked;
    const source = await prepareSlot({
      config: this.#config,
      log: this.#options.log,
      logger: this.#logger,
      sql,
      tables,
      snapshotTables,
      routes,
      signal,
      publisher: {
        scheduler: realScheduler,
        limits: this.#limits(),
        onAcknowledged: (facts) => this.#acknowledged(facts),
      },
      gate: this.#gate,
      onWaiting: () => (this.#state = 'waiting'),
      onRefused: (refusal) => this.#refuse(refusal),
      onBlockers: (blockers) => (this.#blockers = blockers),
      onProgress: (progress) => {
        this.#state = 'snapshot';
        this.#snapshot = progress;
        this.#metrics.snapshotRows.set(progress.rows);
      },
    });
    for (;;) {
      try {
        await this.#runSession(signal, releasers, { sql, tables, routes, source, parked, generations });
        return;
      } catch (error) {
        const said = this.#demands.giveUp(error);
        if (said === null) throw error;
        const { spoolFolder, spoolMaxBytes } = this.#config;
        this.#logger.warn({ err: error, spoolFolder, spoolMaxBytes }, said);
      }
    }
  }

  async #runSession(
    signal: AbortSignal,
    releasers: Releasers,
    of: Pick<SessionOptions, 'sql' | 'tables' | 'routes' | 'source' | 'parked' | 'generations'>,
  ): Promise<void> {
    const session = new StreamingSession({
      config: this.#config,
      log: this.#options.log,
      logger: this.#logger,
      ...of,
      ddl: this.#ddl,
      limits: this.#limits(),
      connect: (onBroken) => connectSource(this.#config.databaseUrl, { replication: true, onBroken }),
      onWaiting: () => (this.#state = 'waiting'),
      onStreaming: () => {
        this.#state = 'streaming';
        this.#startRetention(releasers);
      },
      streamInProgress: this.#demands.streamInProgress,
      wireFormat: await this.#demands.wireFormat(
        of.sql,
        of.routes.tables.map(({ relation }) => relation),
      ),
      onStreamedEnd: (outcome) => this.#metrics.streamed.inc({ outcome }),
      onAcknowledged: (facts) => this.#acknowledged(facts),
    });
    session.hold('operator', this.#paused);
    this.#session = session;
    releasers.push('session', () => session.close());
    await session.run(signal);
  }

  /** Who has the slot throws old behaviour away too. */
  #startRetention(releasers: Releasers): void {
    const { databaseUrl, behaviourRetentionDays: days } = this.#config;
    if (days === 0 || this.#isForgetting) return;
    this.#isForgetting = true;
    const onForgotten = (rows: number): void => this.#metrics.forgotten.inc(rows);
    const retention = startBehaviourRetention({ databaseUrl, days, onForgotten, logger: this.#logger });
    releasers.push('retention of behaviour', () => retention.stop());
  }

  #watchSlot(client: pg.Client, releasers: Releasers): SlotWatch {
    const { slotName, walBudgetBytes, slotCheckMs, slotFailover } = this.#config;
    const watch = new SlotWatch({
      client,
      slot: slotName,
      budgetBytes: walBudgetBytes,
      everyMs: slotCheckMs,
      failover: slotFailover,
      logger: this.#logger,
      metrics: this.#options.metrics,
    });
    releasers.push('slot watch', () => watch.stop());
    return watch;
  }

  #refuse(refusal: Refusal): void {
    if (this.#state !== 'refused' || this.#refusal?.what !== refusal.what) {
      this.#logger.error({ cause: refusal.cause, slot: this.#config.slotName }, refusalText(refusal));
    }
    this.#state = 'refused';
    this.#refusal = refusal;
  }

  #limits() {
    return { ...defaultLimits, maxInFlightBytes: this.#config.maxInFlightBytes };
  }

  #acknowledged({ rows, bytes, committedAtUs }: FlushFacts): void {
    this.#metrics.inFlightBytes.set(this.#session?.inFlightBytes ?? 0);
    this.#metrics.dropped.set(this.#session?.dropped ?? 0);
    if (committedAtUs !== null) this.#ackedCommitUs = Math.max(this.#ackedCommitUs, committedAtUs);
    if (rows === 0) return;
    this.#metrics.rows.inc(rows);
    this.#metrics.bytes.inc(bytes);
    this.#metrics.flushes.inc();
    if (committedAtUs !== null) {
      this.#metrics.commitToAck.observe(Math.max(0, (Date.now() - committedAtUs / 1000) / 1000));
    }
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
