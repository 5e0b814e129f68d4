/**
 * The log port: what Millrace needs of Kafka, and nothing else. Adapters: `log-kafka` (our Fetch/Produce codec on kafkajs's connections,
 * the default), `log-kafkajs` (kafkajs's public API alone), `log-memory` (tests). One contract suite runs against all of them.
 */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A record to append: bytes only. `key: null` is refused on compacted topics by the broker; `value: null` is a tombstone. */
export interface LogRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly (readonly [string, Uint8Array])[];
}

/** One record batch for one partition: appended whole or not at all. The broker's limit (`max.message.bytes`) is on the whole batch. */
export interface AppendRequest extends TopicPartition {
  readonly records: readonly LogRecord[];
}

export interface AppendResult extends TopicPartition {
  /** Offset of the batch's first record; the others follow without a gap. */
  readonly baseOffset: bigint;
}

/** What a fenced writer knows of a partition when it opens: everything at offsets below `barrierOffset` is final. */
export interface PartitionEnd extends TopicPartition {
  readonly barrierOffset: bigint;
  /** First offset still in the log. */
  readonly startOffset: bigint;
}

export interface OpenWriterOptions {
  /** The log's name: the transactional id under which older writers are fenced. */
  readonly name: string;
  readonly partitions: readonly TopicPartition[];
  /** Record appended to every partition with the new epoch: from then on the broker refuses the older writers there. */
  readonly barrier: (epoch: number) => LogRecord;
}

/**
 * A single, fenced writer (architecture §3).
 *
 * Guarantees: after `openWriter` resolves, no batch of an older writer of the same name is ever accepted in its partitions, and all that was
 * accepted before lies below the barrier. Appends to one partition land in the order of the calls, each exactly once, also with several in
 * flight and over reconnects (idempotent sequences). A resolved append is held by all in-sync replicas (acks=all).
 *
 * Errors: `log-fenced` when a newer writer opened; `log-unknown-outcome` when neither the answer nor the same-sequence retry settled an
 * append, or a base offset was not the one predicted; `log-record-too-large`. After any of them the writer is unusable: open a new one.
 */
export interface LogWriter {
  readonly epoch: number;
  readonly ends: readonly PartitionEnd[];
  /**
   * Appends the batches in one request per broker. Rejects if any of them failed, and before anything is sent
   * where a partition was not given to `openWriter`, has two batches, or an empty one.
   */
  append(batches: readonly AppendRequest[]): Promise<readonly AppendResult[]>;
  /** Waits for what is in flight. Does not unfence. */
  close(): Promise<void>;
}

/** A record as a view into the fetched buffer: valid until the next `poll`; copy what you keep. */
export interface RecordView {
  readonly offset: bigint;
  /** Broker's or writer's time, ms. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Parsed when first asked for. Adapters always give it; a hand-made view may leave it out. */
  readonly headers?: readonly (readonly [string, Buffer])[];
}

export interface FetchedBatch extends TopicPartition {
  /** Records at or after the asked offset, in offset order. Iterating parses lazily and allocates nothing but the views. */
  readonly records: Iterable<RecordView>;
  /** Offset to go on from. Grows even where compaction left holes. */
  readonly nextOffset: bigint;
  /** End of the log as the broker knew it at this fetch. */
  readonly highWatermark: bigint;
  readonly byteLength: number;
}

export interface ReadRequest extends TopicPartition {
  readonly offset: bigint;
}

/**
 * Reads chosen partitions from chosen offsets, without a group.
 *
 * Guarantees: per partition, every record at or after the offset once and in order (those that compaction has kept). `poll` answers as soon
 * as any partition has data (long poll, no added latency) or with nothing after `maxWaitMs` or when the signal aborts (it does not reject then).
 * One poll at a time. `assign` and `resume` during a poll take effect in it. Reconnects and leader moves are handled inside.
 * Errors: `log-offset-out-of-range` when the log no longer holds the offset; `topic-missing`.
 */
export interface LogReader {
  /** Adds or repositions partitions. */
  assign(requests: readonly ReadRequest[]): void;
  unassign(partitions: readonly TopicPartition[]): void;
  /** Stops fetching these until resumed; back-pressure for a merge that waits for another input. */
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
  poll(maxWaitMs: number, signal?: AbortSignal): Promise<readonly FetchedBatch[]>;
  close(): Promise<void>;
}

export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor?: number;
  readonly config?: Readonly<Record<string, string>>;
}

export interface LogAdmin {
  /** Creates what is missing; existing topics are left as they are. Throws `conflict` where one exists with another number of partitions. */
  ensureTopics(topics: readonly TopicSpec[]): Promise<{ created: readonly string[] }>;
  deleteTopics(topics: readonly string[]): Promise<void>;
  /** `[start, end)` per partition of the topic. Throws `topic-missing`. */
  offsets(topic: string): Promise<readonly { partition: number; start: bigint; end: bigint }[]>;
  listTopics(): Promise<readonly string[]>;
  /**
   * What tells a topic from every other that ever had its name, here or in another cluster; null where that cannot be told. Throws `topic-missing`.
   */
  identity(topic: string): Promise<string | null>;
}

/** One connection to the log, as a deployable holds it. */
export interface LogClient {
  readonly admin: LogAdmin;
  openWriter(options: OpenWriterOptions): Promise<LogWriter>;
  createReader(options?: { maxBytes?: number; minBytes?: number }): LogReader;
  close(): Promise<void>;
}
