import { randomUUID } from 'node:crypto';
import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import { PlatformError, asPlatformError } from '../errors/index.ts';
import type { FetchedBatch, ReadRequest, RecordView } from '../log/index.ts';
import type { KafkajsAdmin } from './admin.ts';

interface Position {
  offset: bigint;
  paused: boolean;
  /** A batch that kafkajs waits for us to take; `release` lets it go on, after it when `taken`. */
  buffered: { readonly batch: FetchedBatch; readonly release: (taken: boolean) => void } | null;
}

const sessionTimeoutMs = 300_000;

/** One topic, read by a consumer that is alone in a group made for it: the public API has no other way to read partitions. */
export class TopicConsumer {
  readonly #admin: KafkajsAdmin;
  readonly #topic: string;
  readonly #consumer: Consumer;
  readonly #groupId: string;
  readonly #wake: () => void;
  readonly #positions = new Map<number, Position>();
  readonly #running: Promise<void>;
  #closed = false;
  failure: PlatformError | null = null;

  constructor(
    kafka: Kafka,
    admin: KafkajsAdmin,
    topic: string,
    limits: { maxBytes: number; minBytes: number },
    wake: () => void,
  ) {
    this.#admin = admin;
    this.#topic = topic;
    this.#wake = wake;
    this.#groupId = `millrace-reader-${randomUUID()}`;
    this.#consumer = kafka.consumer({
      groupId: this.#groupId,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: 5_000,
      maxBytes: limits.maxBytes,
      maxBytesPerPartition: limits.maxBytes,
      minBytes: limits.minBytes,
      maxWaitTimeInMs: 200,
      allowAutoTopicCreation: false,
    });
    this.#running = this.#run().catch((error: unknown) => this.#fail(asPlatformError(error)));
  }

  assign(request: ReadRequest): void {
    const { partition, offset } = request;
    const old = this.#positions.get(partition);
    const position: Position = { offset, paused: old?.paused ?? false, buffered: null };
    this.#positions.set(partition, position);
    old?.buffered?.release(false);
    this.failure = null;
    void this.#running
      .then(() => this.#seek(partition, position))
      .catch((error: unknown) => {
        if (this.#positions.get(partition) === position) this.#fail(asPlatformError(error));
      });
  }

  unassign(partition: number): void {
    const position = this.#positions.get(partition);
    this.#positions.delete(partition);
    position?.buffered?.release(false);
  }

  setPaused(partition: number, paused: boolean): void {
    const position = this.#positions.get(partition);
    if (position === undefined || position.paused === paused) return;
    position.paused = paused;
    if (paused) {
      // kafkajs works on no other partition of a broker while one batch waits: give it back, and fetch it again once resumed.
      position.buffered?.release(false);
      position.buffered = null;
    } else
      void this.#running
        .then(() => this.#seek(partition, position))
        .catch((error: unknown) => this.#fail(asPlatformError(error)));
  }

  take(): FetchedBatch[] {
    const batches: FetchedBatch[] = [];
    for (const position of this.#positions.values()) {
      if (position.buffered === null) continue;
      const { batch, release } = position.buffered;
      position.buffered = null;
      position.offset = batch.nextOffset;
      batches.push(batch);
      release(true);
    }
    return batches;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { buffered } of this.#positions.values()) buffered?.release(false);
    this.#positions.clear();
    await this.#running;
    await this.#consumer.disconnect();
    await this.#admin.deleteGroup(this.#groupId);
  }

  async #run(): Promise<void> {
    const partitions = (await this.#admin.offsets(this.#topic)).length;
    this.#consumer.on(this.#consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart && !this.#closed) this.#fail(asPlatformError(payload.error));
    });
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [this.#topic], fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: partitions,
      eachBatch: (payload) => this.#offer(payload),
    });
  }

  /** kafkajs answers an offset out of range by starting over: so look before. */
  async #seek(partition: number, position: Position): Promise<void> {
    const range = (await this.#admin.offsets(this.#topic)).find((found) => found.partition === partition);
    if (this.#closed || this.#positions.get(partition) !== position || position.paused) return;
    if (range === undefined) throw new PlatformError('topic-missing', `Kafka has no ${this.#topic}/${partition}.`);
    if (position.offset < range.start || position.offset > range.end) {
      const message = `Kafka does not hold offset ${position.offset.toString()} of ${this.#topic}/${partition}.`;
      throw new PlatformError('log-offset-out-of-range', message);
    }
    this.#consumer.seek({ topic: this.#topic, partition, offset: position.offset.toString() });
    this.#consumer.resume([{ topic: this.#topic, partitions: [partition] }]);
  }

  async #offer(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const { partition } = batch;
    const position = this.#positions.get(partition);
    if (this.#closed) return;
    if (position === undefined || position.paused) {
      this.#consumer.pause([{ topic: this.#topic, partitions: [partition] }]);
      return;
    }
    const messages = batch.messages.filter(({ offset }) => BigInt(offset) >= position.offset);
    // A fetch from before the seek.
    if (
      payload.isStale() ||
      position.buffered !== null ||
      (messages.length === 0 && BigInt(batch.lastOffset()) < position.offset)
    )
      return;
    const taken = await new Promise<boolean>((release) => {
      const fetched: FetchedBatch = {
        topic: this.#topic,
        partition,
        records: messages.map(view),
        nextOffset: BigInt(batch.lastOffset()) + 1n,
        highWatermark: BigInt(batch.highWatermark),
        byteLength: messages.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0),
      };
      position.buffered = { batch: fetched, release };
      this.#wake();
    });
    if (taken) payload.resolveOffset(batch.lastOffset());
  }

  #fail(error: PlatformError): void {
    this.failure ??= error;
    this.#wake();
  }
}

function view({ offset, timestamp, key, value, headers }: KafkaMessage): RecordView {
  const flat = Object.entries(headers ?? {}).flatMap(([name, values]) =>
    (Array.isArray(values) ? values : [values]).map((bytes) => [name, Buffer.from(bytes ?? '')] as const),
  );
  return { offset: BigInt(offset), timestampMs: Number(timestamp), key, value, headers: flat };
}
