import { setImmediate } from 'node:timers/promises';
import { errorPolicy, asPlatformError } from '@millrace/kernel/errors';
import type { PlatformError } from '@millrace/kernel/errors';
import type { LogClient, LogReader } from '@millrace/kernel/log';
import type { AppliedPosition } from '@millrace/kernel/position';
import { lsnText } from '@millrace/kernel/position';
import { backoffDelayMs, sleep } from '@millrace/kernel/retry';
import type { Logger } from '@millrace/kernel/telemetry';
import { partitionOf } from '@millrace/schemas/partition';
import { FIRST_LOG, topicOfLog, viewOfTopic } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import type { ViewTopic } from '@millrace/schemas/topics';
import type { ViewCodec } from '@millrace/schemas/views';
import { committedAtText, topicKinds } from '../protocol/index.ts';
import type { TopicKind } from '../protocol/index.ts';
import { NextLog } from './next-log.ts';
import { TopicState } from './topic-state.ts';
import { ViewPartition } from './view-partition.ts';
import { ViewStore } from './view-store.ts';

/** Which log of a view is served. */
export type ServedLog = (view: ViewName) => number;

const firstLogs: ServedLog = () => FIRST_LOG;

const viewOfKind: Readonly<Record<TopicKind, ViewTopic>> = {
  stock: 'views.inventory',
  price: 'views.pricing',
  product: 'views.catalog',
  order: 'views.orders',
  cart: 'views.carts',
};
const servedViews: readonly ViewTopic[] = Object.values(viewOfKind);

/** Where updates go. */
export interface FeedSink {
  isFollowed(topic: string): boolean;
  publish(state: TopicState): void;
  /** Everything published so far may leave now. */
  flush(): void;
}

export interface FeedOptions {
  readonly log: LogClient;
  /** Called with the prefixed topic; may reject with a `retry` kind, then it is asked again. */
  readonly codec: (topic: string) => Promise<ViewCodec>;
  readonly topicPrefix: string;
  readonly sink: FeedSink;
  readonly logger: Logger;
  readonly onMalformed?: (view: string) => void;
  readonly onStale?: () => void;
  readonly now?: () => number;
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/**
 * Reads every partition of every view from the start of its compacted log, without a group, and goes on for ever.
 *
 * Guarantees: ready only once everything that was in the log at the start is applied; per key only newer positions come out; a record that
 * cannot be read is counted, logged and left out. When the log or the registry goes away it waits and goes on in place where it was:
 * followers stay, and nothing is said meanwhile. When another log of a view
 * is to be served, it is read beside the one that is, and takes its place once it has all of that: followers stay, and are told what differs. Errors whose policy is to halt end `run` (a view's topic was deleted or trimmed).
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #codecs = new Map<string, ViewCodec>();
  readonly #store: ViewStore;
  #logs: ServedLog = firstLogs;
  #changed = new AbortController();
  readonly #next = new Map<ViewTopic, NextLog>();
  #partitions: ViewPartition[] = [];
  #byView = new Map<string, ViewPartition[]>();
  #ready = false;
  #trouble: string | null = 'looking for the views in the log';
  #malformed = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#store = this.#newStore();
  }

  #newStore(): ViewStore {
    return new ViewStore((topic, bytes) => {
      const kind = topic.slice(0, topic.indexOf(':')) as TopicKind;
      return this.#codecs.get(viewOfKind[kind])?.decode(Buffer.from(topic), bytes) ?? null;
    });
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Why the feed does not read just now; null while it does. */
  get trouble(): string | null {
    return this.#trouble;
  }

  get entries(): number {
    return this.#store.size;
  }

  /** Which logs to serve from now on; before `run`, or at any time while it goes on. */
  serve(logs: ServedLog): void {
    this.#logs = logs;
    this.#changed.abort();
  }

  /** The topic's state. A key without an entry is absent as of what its partition has applied. */
  current(kind: TopicKind, id: string): TopicState {
    const held = this.#store.get(kind, id);
    if (held !== null) return held;
    const partitions = this.#byView.get(viewOfKind[kind]) ?? [];
    const applied: AppliedPosition = partitions[partitionOf(id, Math.max(1, partitions.length))]?.applied ?? {
      lsn: 0n,
      tsUs: 0,
    };
    return new TopicState(kind, id, applied, null, null);
  }

  release(topic: string): void {
    this.#store.release(topic);
  }

  /** Positions and lag per view and partition, JSON-safe. */
  status(): unknown {
    const nowMs = (this.#options.now ?? Date.now)();
    return {
      ready: this.#ready,
      trouble: this.#trouble,
      entries: this.#store.size,
      malformed: this.#malformed,
      partitions: this.#partitions.map(({ topic, partition, applied, nextOffset, highWatermark }) => ({
        view: topic,
        partition,
        position: lsnText(applied.lsn),
        committedAt: applied.tsUs === 0 ? null : committedAtText(applied.tsUs),
        ageMs: applied.tsUs === 0 ? null : Math.max(0, Math.round(nowMs - applied.tsUs / 1000)),
        offset: nextOffset.toString(),
        recordsBehind: (highWatermark > nextOffset ? highWatermark - nextOffset : 0n).toString(),
      })),
    };
  }

  /** Resolves when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      let reader: LogReader | null = null;
      try {
        if (this.#partitions.length === 0) await this.#locate();
        reader = this.#options.log.createReader();
        reader.assign(
          this.#reading().map(({ topic, partition, nextOffset }) => ({ topic, partition, offset: nextOffset })),
        );
        this.#checkReady();
        await this.#read(reader, signal, () => (failures = 0));
      } catch (error) {
        if (stopped(signal)) break;
        const wrapped = asPlatformError(error);
        if (errorPolicy[wrapped.kind].disposition !== 'retry') throw wrapped;
        await this.#wait(wrapped, ++failures, signal);
      } finally {
        await reader?.close();
      }
    }
  }

  async #wait(error: PlatformError, failures: number, signal: AbortSignal): Promise<void> {
    const delayMs = backoffDelayMs(failures);
    this.#trouble = error.message;
    this.#options.logger[failures > 5 ? 'error' : 'warn'](
      { err: error, failures, delayMs },
      'the feed waits and goes on in place',
    );
    await (this.#options.sleep ?? sleep)(delayMs, signal).catch(() => undefined);
  }

  async #locate(): Promise<void> {
    const partitions: ViewPartition[] = [];
    for (const view of servedViews) {
      const found = await this.#open(view, this.#served(view), this.#store, true);
      this.#byView.set(view, found);
      partitions.push(...found);
    }
    this.#partitions = partitions.sort((a, b) => a.partition - b.partition);
  }

  #served(view: ViewTopic): string {
    const name = viewOfTopic(view);
    return this.#options.topicPrefix + topicOfLog(name, this.#logs(name));
  }

  /** A log's partitions, from its beginning; `told`: to whoever follows. */
  async #open(view: ViewTopic, topic: string, store: ViewStore, told: boolean): Promise<ViewPartition[]> {
    const { log, codec: codecOf } = this.#options;
    // Whichever log the bytes came from: schemas have one number in the registry.
    const codec = this.#codecs.get(view) ?? (await codecOf(topic));
    this.#codecs.set(view, codec);
    const found = (await log.admin.offsets(topic)).map(({ partition, start, end }) =>
      this.#partition(view, { topic, partition, start, end, codec, store }, told),
    );
    return found.sort((a, b) => a.partition - b.partition);
  }

  /** What is read: what is served, and what is to be. */
  #reading(): readonly ViewPartition[] {
    return [...this.#partitions, ...[...this.#next.values()].flatMap(({ partitions }) => partitions)];
  }

  /** Reads what is to be served and is not yet, and no more what is not to be any more. */
  async #arrange(reader: LogReader): Promise<void> {
    for (const view of servedViews) {
      const topic = this.#served(view);
      const next = this.#next.get(view);
      if (next !== undefined && next.topic !== topic) {
        this.#next.delete(view);
        reader.unassign(next.partitions);
      }
      if (this.#next.has(view) || this.#byView.get(view)?.[0]?.topic === topic) continue;
      const store = this.#newStore();
      const partitions = await this.#open(view, topic, store, false);
      this.#next.set(view, new NextLog(topic, partitions, store));
      reader.assign(partitions.map(({ partition, nextOffset }) => ({ topic, partition, offset: nextOffset })));
    }
  }

  /** Serves the logs that have reached what was served. */
  #take(reader: LogReader): void {
    for (const [view, next] of this.#next) {
      const served = this.#byView.get(view) ?? [];
      if (!next.hasReached(served)) continue;
      this.#next.delete(view);
      reader.unassign(served);
      const going = next.partitions.map((partition) => partition.continuedInto(this.#target(true, this.#store)));
      this.#partitions = [...this.#partitions.filter((partition) => !served.includes(partition)), ...going];
      this.#byView.set(view, going);
      const at = (id: string): ViewPartition | undefined => going[partitionOf(id, going.length)];
      for (const kind of topicKinds) {
        if (viewOfKind[kind] === view) next.replace(this.#store, kind, at, this.#target(true, this.#store));
      }
      this.#options.logger.info({ view, topic: next.topic }, 'another log of a view is served');
    }
  }

  #target(told: boolean, store: ViewStore) {
    const { sink } = this.#options;
    return {
      store,
      isFollowed: (topic: string) => told && sink.isFollowed(topic),
      publish: (state: TopicState) => {
        sink.publish(state);
      },
    };
  }

  #partition(
    view: ViewTopic,
    at: { topic: string; partition: number; start: bigint; end: bigint; codec: ViewCodec; store: ViewStore },
    told: boolean,
  ): ViewPartition {
    const { onStale, onMalformed } = this.#options;
    return new ViewPartition({
      ...at,
      ...this.#target(told, at.store),
      onStale: () => onStale?.(),
      onMalformed: ({ topic, partition }, offset, error) => {
        onMalformed?.(view);
        this.#malformed += 1;
        // A flood of them must not become a flood of lines.
        if (this.#malformed > 100 && this.#malformed % 1000 !== 0) return;
        const { kind, message } = error;
        this.#options.logger.warn(
          { topic, partition, offset: offset.toString(), kind, message },
          'malformed view record left out',
        );
      },
    });
  }

  async #read(reader: LogReader, signal: AbortSignal, onProgress: () => void): Promise<void> {
    const breathe = async (): Promise<void> => {
      this.#options.sink.flush();
      await setImmediate();
    };
    this.#trouble = null;
    while (!signal.aborted) {
      if (this.#changed.signal.aborted) this.#changed = new AbortController();
      await this.#arrange(reader);
      const reading = this.#reading();
      const byKey = new Map(reading.map((partition) => [`${partition.topic}/${partition.partition}`, partition]));
      const batches = await reader.poll(1_000, AbortSignal.any([signal, this.#changed.signal]));
      for (const batch of batches) {
        const partition = byKey.get(`${batch.topic}/${batch.partition}`);
        if (partition === undefined) continue;
        await partition.apply(batch, breathe);
      }
      this.#take(reader);
      this.#options.sink.flush();
      if (batches.length > 0) onProgress();
      this.#checkReady();
    }
  }

  #checkReady(): void {
    if (this.#ready || !this.#partitions.every(({ caughtUp }) => caughtUp)) return;
    this.#ready = true;
    this.#options.logger.info({ entries: this.#store.size }, 'caught up with every view');
  }
}

/** A call, since the compiler takes the loop's condition to hold in the whole body. */
function stopped(signal: AbortSignal): boolean {
  return signal.aborted;
}
