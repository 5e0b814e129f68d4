import { setImmediate } from 'node:timers/promises';
import { errorPolicy, asPlatformError } from '@millrace/kernel/errors';
import type { PlatformError } from '@millrace/kernel/errors';
import type { LogClient, LogReader } from '@millrace/kernel/log';
import type { AppliedPosition } from '@millrace/kernel/position';
import { lsnText } from '@millrace/kernel/position';
import { backoffDelayMs, sleep } from '@millrace/kernel/retry';
import type { Logger } from '@millrace/kernel/telemetry';
import { partitionOf } from '@millrace/schemas/partition';
import type { ViewTopic } from '@millrace/schemas/topics';
import type { ViewCodec } from '@millrace/schemas/views';
import { committedAtText } from '../protocol/index.ts';
import type { TopicKind } from '../protocol/index.ts';
import { TopicState } from './topic-state.ts';
import { ViewPartition } from './view-partition.ts';
import { ViewStore } from './view-store.ts';

const viewOfKind: Readonly<Record<TopicKind, ViewTopic>> = {
  stock: 'views.inventory',
  price: 'views.pricing',
  product: 'views.catalog',
  order: 'views.orders',
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
 * followers stay, and nothing is said meanwhile. Errors whose policy is to halt end `run` (a view's topic was deleted or trimmed).
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #codecs = new Map<string, ViewCodec>();
  readonly #store: ViewStore;
  #partitions: ViewPartition[] = [];
  #byView = new Map<string, ViewPartition[]>();
  #ready = false;
  #trouble: string | null = 'looking for the views in the log';
  #malformed = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#store = new ViewStore((topic, bytes) => {
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
          this.#partitions.map(({ topic, partition, nextOffset }) => ({ topic, partition, offset: nextOffset })),
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
      const topic = this.#options.topicPrefix + view;
      const codec = this.#codecs.get(view) ?? (await this.#options.codec(topic));
      this.#codecs.set(view, codec);
      for (const { partition, start, end } of await this.#options.log.admin.offsets(topic)) {
        partitions.push(this.#partition(view, { topic, partition, start, end, codec }));
      }
    }
    partitions.sort((a, b) => a.partition - b.partition);
    this.#byView = new Map(
      servedViews.map((view) => [view, partitions.filter(({ topic }) => topic === this.#options.topicPrefix + view)]),
    );
    this.#partitions = partitions;
  }

  #partition(
    view: ViewTopic,
    at: { topic: string; partition: number; start: bigint; end: bigint; codec: ViewCodec },
  ): ViewPartition {
    const { sink, onStale, onMalformed } = this.#options;
    return new ViewPartition({
      ...at,
      store: this.#store,
      isFollowed: (topic) => sink.isFollowed(topic),
      publish: (state) => {
        sink.publish(state);
      },
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
    const byKey = new Map(
      this.#partitions.map((partition) => [`${partition.topic}/${partition.partition}`, partition]),
    );
    const breathe = async (): Promise<void> => {
      this.#options.sink.flush();
      await setImmediate();
    };
    this.#trouble = null;
    while (!signal.aborted) {
      const batches = await reader.poll(1_000, signal);
      for (const batch of batches) {
        const partition = byKey.get(`${batch.topic}/${batch.partition}`);
        if (partition === undefined) continue;
        await partition.apply(batch, breathe);
      }
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
