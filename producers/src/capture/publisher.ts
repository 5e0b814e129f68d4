import type { AppendRequest, AppendResult, LogRecord } from '@millrace/kernel/log';
import { PlatformError } from '@millrace/kernel/errors';
import type { Lsn, Position } from '@millrace/kernel/position';
import type { CaptureTopic } from '@millrace/schemas/topics';
import { watermarkRecord } from '@millrace/schemas/markers';
import type { CommitStamp, TextRow } from '@millrace/schemas/cdc';
import type { Acknowledger } from '../replication/acknowledger.ts';
import type { EventRoute } from '../outbox/event-route.ts';
import { positionHeader } from './log-positions.ts';
import { isHeld } from './partitions.ts';
import type { PartitionState } from './partitions.ts';
import type { Route } from './routes.ts';
import type { ChangeObserver } from '../resnapshot/index.ts';
import { namingTheRow } from './too-large.ts';
import { WatermarkSchedule } from './watermark-schedule.ts';
import type { Scheduler } from './watermark-schedule.ts';

export interface PublisherLimits {
  /** A flush is made when this much has gathered, also inside a transaction. */
  readonly flushBytes: number;
  /** Appends in flight before flushes wait for one to be answered (unless `flushBytes` is reached). */
  readonly eagerAppends: number;
  /** Bytes handed to the log and not answered at which the source is paused; it goes on at half of it. */
  readonly maxInFlightBytes: number;
}

export const defaultLimits: PublisherLimits = { flushBytes: 524_288, eagerAppends: 2, maxInFlightBytes: 16_777_216 };

export interface PublisherOptions {
  /** The fenced writer's append. */
  readonly append: (batches: readonly AppendRequest[]) => Promise<readonly AppendResult[]>;
  readonly partitions: readonly PartitionState[];
  readonly watermarkSchemaId: (topic: CaptureTopic) => number;
  readonly acknowledger: Acknowledger;
  /** Highest commit time known from the log, µs. */
  readonly streamTimeUs: number;
  readonly limits?: PublisherLimits;
  readonly scheduler: Scheduler;
  /** Something went wrong with an append: the publisher is at its end. */
  readonly onFailure: (error: unknown) => void;
  /** Whether the source should be paused. */
  readonly onPressure: (pressed: boolean) => void;
  readonly onAcknowledged?: (flush: FlushFacts) => void;
}

/** What one flush held, said when the log has it. */
export interface FlushFacts {
  readonly rows: number;
  readonly bytes: number;
  /** The newest commit in it; null where it held watermarks only. */
  readonly committedAtUs: number | null;
}

/**
 * The core of the capture: turns the stream of commits into appends. No sockets, no clock of its own.
 *
 * Guarantees: records are appended in commit order, whole transactions; what a partition already holds is dropped; a watermark follows only
 * whole transactions, and in a partition positions only grow; a commit is handed to the acknowledger in the append that completes it, and what
 * carried no change in the append of a watermark past it: the log holds a watermark at or past everything that was acknowledged.
 *
 * A flush is made at once while few appends are in flight, else when one of them is answered, so batches grow with the load by themselves.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #limits: PublisherLimits;
  readonly #byTopic = new Map<CaptureTopic, PartitionState[]>();
  readonly #schedule: WatermarkSchedule;
  #commit: CommitStamp | null = null;
  #ordinal = 0;
  /** Every commit at or below has been taken in. */
  #watermark: Lsn;
  #tsUs: number;
  /** End of what has been taken in and not handed over yet; null where nothing has been since the last flush. */
  #pendingEnd: Lsn | null = null;
  #pendingBytes = 0;
  #pendingRows = 0;
  #pendingCommitUs: number | null = null;
  #inFlight = 0;
  #inFlightBytes = 0;
  #pressed = false;
  #flushQueued = false;
  #failed = false;
  #dropped = 0;
  #events = 0;
  #draining = false;
  #idle: (() => void)[] = [];
  #relieved: (() => void)[] = [];
  #lastCommit: CommitStamp | null = null;
  #observer: ChangeObserver | null = null;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#limits = options.limits ?? defaultLimits;
    for (const partition of options.partitions) {
      const siblings = this.#byTopic.get(partition.cdcTopic);
      if (siblings === undefined) this.#byTopic.set(partition.cdcTopic, [partition]);
      else siblings.push(partition);
    }
    this.#watermark = options.partitions.reduce((low, { watermark }) => (watermark < low ? watermark : low), 1n << 63n);
    this.#tsUs = options.streamTimeUs;
    this.#schedule = new WatermarkSchedule(options.scheduler, () => this.#flushWatermarks());
  }

  /** Newest commit taken in; null before the first. */
  get lastCommit(): CommitStamp | null {
    return this.#lastCommit;
  }

  get watermark(): Lsn {
    return this.#watermark;
  }

  /** Rows dropped because the log held them already. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Events taken in, those that the log held already among them. */
  get events(): number {
    return this.#events;
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** The transaction that has begun and not ended. */
  get openCommit(): CommitStamp | null {
    return this.#commit;
  }

  /** From now on tells it of every change, those too that a partition holds already; null ends that. */
  observe(observer: ChangeObserver | null): void {
    this.#observer = observer;
  }

  begin(commit: CommitStamp): void {
    if (this.#commit !== null) throw new PlatformError('replication-protocol', 'a transaction begins inside another');
    this.#commit = commit;
    this.#ordinal = 0;
  }

  /** A row as it was when the capture began. */
  snapshotRow(route: Route, row: TextRow): void {
    this.#change(route, 'r', null, row);
  }

  insert(route: Route, row: TextRow): void {
    this.#change(route, 'c', null, row);
  }

  /** A changed key is a delete of the old and an insert of the new one. */
  update(route: Route, old: TextRow | null, row: TextRow): void {
    if (route.outbox !== undefined) this.#change(route, 'u', old, row);
    else if (old === null || route.key(old).equals(route.key(row))) this.#change(route, 'u', old, row);
    else {
      this.#change(route, 'd', old, null);
      this.#change(route, 'c', null, row);
    }
  }

  delete(route: Route, old: TextRow): void {
    this.#change(route, 'd', old, null);
  }

  /** A row that is not published counts all the same: the others' places are the same when it is one day. */
  skip(): void {
    this.#ordinal++;
  }

  truncate(route: Route): void {
    const ordinal = this.#ordinal++;
    const commit = this.#open();
    if (route.outbox !== undefined) return;
    this.#observer?.truncated(route.relation, commit.txid);
    for (const partition of this.#byTopic.get(route.topic) ?? []) {
      if (isHeld(partition, commit.lsn, ordinal)) this.#dropped++;
      else {
        const value = route.encoder.encode('t', commit, ordinal, null, null);
        this.#push(partition, { key: route.tableKey, value });
      }
    }
  }

  /** The transaction is whole; it ends at `endLsn`. */
  commit(endLsn: Lsn): void {
    const commit = this.#open();
    this.#commit = null;
    this.#lastCommit = commit;
    for (const partition of this.#options.partitions) {
      partition.openFrom = -1;
      partition.partial = false;
    }
    if (commit.tsUs > this.#tsUs) this.#tsUs = commit.tsUs;
    this.#pendingCommitUs = commit.tsUs;
    this.#reach(endLsn);
    this.#schedule.commit();
    this.#requestFlush();
  }

  /** The source says that everything below `endLsn` was sent. */
  reached(endLsn: Lsn): void {
    if (this.#commit !== null || endLsn - 1n <= this.#watermark) return;
    this.#reach(endLsn);
    this.#schedule.idle();
  }

  /** Resolves when all that was taken in is in the log. */
  async drain(): Promise<void> {
    this.#schedule.stop();
    this.#draining = true;
    if (this.#commit === null) this.#flush(true);
    while (this.#inFlight > 0 && !this.#failed) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  /** Resolves when no more is unanswered than may be: `false` where the publisher was stopped or has failed. For whoever feeds it on his own. */
  async relieved(): Promise<boolean> {
    while (this.#pressed && !this.#failed) {
      await new Promise<void>((resolve) => this.#relieved.push(resolve));
    }
    return !this.#failed;
  }

  /** Stops every timer; nothing more is appended. */
  stop(): void {
    this.#failed = true;
    this.#schedule.stop();
    for (const resolve of [...this.#idle.splice(0), ...this.#relieved.splice(0)]) resolve();
  }

  #change(route: Route, op: 'c' | 'u' | 'd' | 'r', before: TextRow | null, after: TextRow | null): void {
    const ordinal = this.#ordinal++;
    const commit = this.#open();
    const row = after ?? before;
    if (row === null) throw new PlatformError('internal', 'a change without a row');
    if (route.outbox !== undefined) {
      if (op === 'c' || op === 'r') this.#event(route.outbox, { lsn: commit.lsn, ordinal }, row);
      return;
    }
    const partition = this.#byTopic.get(route.topic)?.[route.partition(row)];
    if (partition === undefined) throw new PlatformError('internal', `no partition of ${route.topic}`);
    if (this.#observer !== null && op !== 'r') this.#observer.changed(route.relation, route.key(row), commit.txid);
    if (isHeld(partition, commit.lsn, ordinal)) {
      this.#dropped++;
      return;
    }
    const key = route.key(row);
    const value = route.encoder.encode(op, commit, ordinal, before, after);
    if (op === 'd') {
      const tombstone = { key, value: null, headers: [positionHeader({ lsn: commit.lsn, ordinal })] };
      this.#push(partition, { key, value }, tombstone);
    } else this.#push(partition, { key, value });
  }

  #event(outbox: EventRoute, position: Position, row: TextRow): void {
    const partition = this.#byTopic.get(outbox.topic(row))?.[outbox.partition(row)];
    if (partition === undefined) throw new PlatformError('internal', `no partition of ${outbox.topic(row)}`);
    this.#events++;
    if (isHeld(partition, position.lsn, position.ordinal)) this.#dropped++;
    else this.#push(partition, outbox.record(position, row));
  }

  /** A delete and its tombstone go in together: no flush parts them. */
  #push(partition: PartitionState, record: LogRecord, tombstone: LogRecord | null = null): void {
    const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0) + 16;
    // A large row has a batch of its own: what it may be is then the topic's limit, whatever came before it.
    if (bytes >= this.#limits.flushBytes && this.#pendingBytes > 0) this.#flush(false);
    if (partition.openFrom < 0) partition.openFrom = partition.records.length;
    partition.records.push(record);
    if (tombstone !== null) partition.records.push(tombstone);
    this.#pendingRows++;
    this.#pendingBytes += bytes;
    if (this.#pendingBytes >= this.#limits.flushBytes) this.#flush(false);
  }

  #open(): CommitStamp {
    if (this.#commit === null) throw new PlatformError('replication-protocol', 'a change comes outside a transaction');
    return this.#commit;
  }

  #reach(endLsn: Lsn): void {
    if (endLsn - 1n > this.#watermark) this.#watermark = endLsn - 1n;
    this.#pendingEnd = endLsn;
  }

  /** Whole chunks of the stream are taken in before the flush. */
  #requestFlush(): void {
    if (this.#flushQueued || this.#inFlight >= this.#limits.eagerAppends) return;
    this.#flushQueued = true;
    queueMicrotask(() => {
      this.#flushQueued = false;
      if (this.#inFlight < this.#limits.eagerAppends && this.#commit === null) this.#flush(false);
    });
  }

  #flushWatermarks(): void {
    if (this.#commit !== null && this.#pendingRows > 0) return;
    this.#flush(true);
  }

  /** Every partition has a watermark as far. */
  #acknowledgePending(): void {
    if (this.#pendingEnd === null) return;
    this.#options.acknowledger.reached(this.#pendingEnd);
    this.#pendingEnd = null;
  }

  #flush(everyPartition: boolean): void {
    if (this.#failed) return;
    const rows = this.#pendingRows;
    const all = everyPartition || this.#schedule.due();
    const batches = this.#collect(all);
    if (all) this.#schedule.flushed();
    if (batches.length === 0) {
      if (all && this.#commit === null) this.#acknowledgePending();
      return;
    }
    const facts = { rows, bytes: this.#pendingBytes, committedAtUs: this.#pendingCommitUs };
    const settled = this.#pendingEnd === null ? null : this.#options.acknowledger.handOver(this.#pendingEnd);
    this.#pendingEnd = null;
    this.#pendingBytes = 0;
    this.#pendingRows = 0;
    this.#pendingCommitUs = null;
    this.#send(batches, facts, settled);
  }

  /** One batch per partition: its rows, and the watermark before the rows of the transaction that has not ended. */
  #collect(everyPartition: boolean): AppendRequest[] {
    const batches: AppendRequest[] = [];
    for (const partition of this.#options.partitions) {
      if (partition.records.length === 0 && !(everyPartition && this.#isWatermarkDue(partition))) continue;
      this.#addWatermark(partition);
      if (partition.records.length === 0) continue;
      batches.push({ topic: partition.topic, partition: partition.partition, records: partition.records });
      if (partition.openFrom >= 0) partition.partial = true;
      partition.records = [];
      partition.openFrom = -1;
    }
    return batches;
  }

  #addWatermark(partition: PartitionState): void {
    if (partition.partial || this.#watermark <= partition.watermark) return;
    const schemaId = this.#options.watermarkSchemaId(partition.cdcTopic);
    const record = watermarkRecord(schemaId, { lsn: this.#watermark, tsUs: this.#tsUs });
    partition.records.splice(partition.openFrom < 0 ? partition.records.length : partition.openFrom, 0, record);
    partition.watermark = this.#watermark;
    partition.watermarkedAtMs = this.#options.scheduler.nowMs();
  }

  #isWatermarkDue({ idleWatermarkMs, watermarkedAtMs }: PartitionState): boolean {
    return this.#draining || this.#options.scheduler.nowMs() - watermarkedAtMs >= idleWatermarkMs;
  }

  #send(batches: AppendRequest[], facts: FlushFacts, settled: (() => void) | null): void {
    this.#inFlight++;
    this.#inFlightBytes += facts.bytes;
    this.#press();
    this.#options.append(batches).then(
      () => {
        this.#answered(facts);
        settled?.();
        this.#options.onAcknowledged?.(facts);
        if (this.#pendingRows > 0 || this.#pendingEnd !== null) this.#requestFlush();
      },
      (error: unknown) => {
        this.stop();
        this.#options.onFailure(namingTheRow(error, batches));
      },
    );
  }

  #answered(facts: FlushFacts): void {
    this.#inFlight--;
    this.#inFlightBytes -= facts.bytes;
    this.#press();
    if (this.#inFlight === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #press(): void {
    const { maxInFlightBytes } = this.#limits;
    const pressed = this.#pressed ? this.#inFlightBytes > maxInFlightBytes / 2 : this.#inFlightBytes > maxInFlightBytes;
    if (pressed === this.#pressed) return;
    this.#pressed = pressed;
    if (!pressed) for (const resolve of this.#relieved.splice(0)) resolve();
    this.#options.onPressure(pressed);
  }
}
