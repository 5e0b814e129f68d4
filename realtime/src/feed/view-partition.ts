import { PlatformError, asPlatformError, isKind } from '@millrace/kernel/errors';
import type { FetchedBatch, RecordView } from '@millrace/kernel/log';
import type { AppliedPosition } from '@millrace/kernel/position';
import { isOwnKey, isWatermarkKey, readWatermark } from '@millrace/schemas/markers';
import { viewKinds } from '@millrace/schemas/views';
import type { ViewCodec, ViewEntry } from '@millrace/schemas/views';
import { topicKinds } from '../protocol/index.ts';
import type { TopicKind } from '../protocol/index.ts';
import type { TopicState } from './topic-state.ts';
import type { ViewStore } from './view-store.ts';

export interface ViewPartitionOptions {
  readonly topic: string;
  readonly partition: number;
  readonly start: bigint;
  /** End of the log when the gateway started: reaching it means caught up. */
  readonly end: bigint;
  readonly codec: ViewCodec;
  readonly store: ViewStore;
  readonly isFollowed: (topic: string) => boolean;
  readonly publish: (state: TopicState) => void;
  readonly onStale: () => void;
  /** Told of each record that cannot be read; it is left out, everything else goes on. */
  readonly onMalformed: (partition: ViewPartition, offset: bigint, error: PlatformError) => void;
}

/** One partition of a view's log on its way into the store and out to followers. */
export class ViewPartition {
  readonly topic: string;
  readonly partition: number;
  nextOffset: bigint;
  highWatermark: bigint;
  /** "Everything at or below this commit that belongs here is here." */
  applied: AppliedPosition = { lsn: 0n, tsUs: 0 };
  readonly #options: ViewPartitionOptions;
  /** Keys whose tombstone came without the record that says when they were deleted (compaction took it): deleted as of the next watermark. */
  readonly #orphans = new Set<string>();

  constructor(options: ViewPartitionOptions) {
    this.topic = options.topic;
    this.partition = options.partition;
    this.nextOffset = options.start;
    this.highWatermark = options.end;
    this.#options = options;
  }

  /** No key waits for the next watermark. */
  get isSettled(): boolean {
    return this.#orphans.size === 0;
  }

  /** The same place in the log, into another store and out to followers. */
  continuedInto(target: Pick<ViewPartitionOptions, 'store' | 'isFollowed' | 'publish'>): ViewPartition {
    const going = new ViewPartition({ ...this.#options, ...target, start: this.nextOffset });
    going.highWatermark = this.highWatermark;
    going.applied = this.applied;
    return going;
  }

  get caughtUp(): boolean {
    return this.nextOffset >= this.#options.end;
  }

  /** Awaits `breathe` every thousand records, so that the caller can flush and let others run. Records may be applied again. */
  async apply(batch: FetchedBatch, breathe: () => Promise<void>): Promise<void> {
    let seen = 0;
    for (const record of batch.records) {
      const unread = this.#applyRecord(record);
      if (unread !== null) await this.#applyUnknown(record, unread);
      if (++seen % BREATHE_EACH === 0) await breathe();
    }
    this.nextOffset = batch.nextOffset;
    this.highWatermark = batch.highWatermark;
  }

  /** Null when done; the value when its schema must be fetched first. */
  #applyRecord(record: RecordView): Buffer | null {
    const { key, value } = record;
    try {
      if (key === null) throw new PlatformError('record-malformed', 'a record without a key');
      if (isOwnKey(key)) {
        if (value !== null && isWatermarkKey(key)) this.#advance(readWatermark(value));
        return null;
      }
      const kind = servedKind(key);
      if (kind === null) return null;
      if (value === null) {
        this.#tombstone(key.toString('utf8'));
        return null;
      }
      const entry = this.#options.codec.decode(key, value);
      if (entry !== null) this.#entry(kind, entry, value);
    } catch (error) {
      if (value !== null && isKind(error, 'schema-unknown')) return value;
      this.#options.onMalformed(this, record.offset, asPlatformError(error, 'record-malformed'));
    }
    return null;
  }

  /** Throws only where the registry does not answer. */
  async #applyUnknown(record: RecordView, value: Buffer): Promise<void> {
    try {
      await this.#options.codec.prepare(value);
      const kind = record.key === null ? null : servedKind(record.key);
      const entry = this.#options.codec.decode(record.key, value);
      if (entry !== null && kind !== null) this.#entry(kind, entry, value);
    } catch (error) {
      if (isKind(error, 'engine-unreachable')) throw error;
      this.#options.onMalformed(this, record.offset, asPlatformError(error, 'record-malformed'));
    }
  }

  #entry(kind: TopicKind, entry: ViewEntry, value: Buffer | null): void {
    const { store, isFollowed, publish, onStale } = this.#options;
    const topic = `${kind}:${entry.id}`;
    const applied = store.apply(kind, entry, value, isFollowed(topic));
    if (applied === null) onStale();
    else if (applied.state !== null) publish(applied.state);
  }

  #tombstone(topic: string): void {
    if (this.#options.store.isLive(topic)) this.#orphans.add(topic);
  }

  #advance(to: AppliedPosition): void {
    if (to.lsn <= this.applied.lsn) return;
    this.applied = { lsn: to.lsn, tsUs: Math.max(to.tsUs, this.applied.tsUs) };
    for (const topic of this.#orphans) {
      const kind = servedKind(Buffer.from(topic));
      if (kind === null || !this.#options.store.isLive(topic)) continue;
      const id = topic.slice(kind.length + 1);
      this.#entry(kind, { kind, id, lsn: to.lsn, tsUs: to.tsUs, data: null }, null);
    }
    this.#orphans.clear();
  }
}

const BREATHE_EACH = 1_000;

/** Null for kinds that views hold for others (analytics). Throws `record-malformed` for kinds nobody knows. */
function servedKind(key: Buffer): TopicKind | null {
  const colon = key.indexOf(0x3a);
  const text = key.toString('latin1', 0, Math.max(0, colon));
  const kind = topicKinds.find((candidate) => candidate === text);
  if (kind !== undefined) return kind;
  if ((viewKinds as readonly string[]).includes(text)) return null;
  throw new PlatformError('record-malformed', 'the key is of no known kind');
}
