import { PlatformError, asPlatformError } from '../errors/index.ts';
import { checkAppend, partitionName } from '../log/append-check.ts';
import type {
  AppendRequest,
  AppendResult,
  LogWriter,
  OpenWriterOptions,
  PartitionEnd,
  TopicPartition,
} from '../log/index.ts';
import { backoffDelayMs, sleep } from '../retry/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { encodeBatch } from './batch-encoder.ts';
import type { Cluster } from './cluster.ts';
import type { Connection } from './connection.ts';
import { errorCode, errorName, isRetriable } from './error-codes.ts';
import { findLeaders } from './leaders.ts';
import { decodeProduce, produceRequest, type EncodedBatch, type ProducedBatch } from './produce.ts';
import { refusal, unsettled } from './refusal.ts';

export interface WriterLimits {
  /** An append that is not settled after this long ends the writer with `log-unknown-outcome`. */
  readonly appendTimeoutMs: number;
  /** Kafka remembers the last five batches of a producer in a partition, so never more. */
  readonly maxInFlight: number;
}

interface Partition extends TopicPartition {
  leader: number;
  nextSequence: number;
  /** Offset the next batch must get; null until the barrier has one. */
  nextOffset: bigint | null;
  startOffset: bigint;
  /** Batches sent or to be sent and not answered for good, in order. */
  readonly unsettled: Batch[];
}

interface Batch extends EncodedBatch {
  readonly of: Partition;
  readonly count: number;
  readonly predicted: bigint | null;
  readonly append: Append;
  /** Its place among the append's results. */
  readonly index: number;
}

interface Append {
  readonly batches: Set<Batch>;
  readonly results: AppendResult[];
  readonly deadlineMs: number;
  readonly resolve: (results: readonly AppendResult[]) => void;
  readonly reject: (error: PlatformError) => void;
}

interface Lane {
  readonly nodeId: number;
  connection: Connection | null;
  opening: boolean;
  inFlight: number;
  queue: Batch[][];
}

const backoff = { initialMs: 10, maxMs: 1_000, jitter: 0.5 };
const sequenceMask = 0x7fffffff;

/**
 * The fenced writer. Each append becomes one Produce request per broker; up to five are in flight on a broker's connection. A lost connection, a
 * moved leader or any other passing failure stops all sending, waits until nothing is in flight, and sends what is unsettled again in order:
 * the same bytes, so the same sequences, which the broker takes once.
 */
export class KafkaWriter implements LogWriter {
  readonly epoch: number;
  readonly #name: string;
  readonly #producerId: bigint;
  readonly #cluster: Cluster;
  readonly #logger: Logger;
  readonly #limits: WriterLimits;
  readonly #partitions = new Map<string, Partition>();
  readonly #lanes = new Map<number, Lane>();
  readonly #appends = new Set<Append>();
  #ends: readonly PartitionEnd[] = [];
  #broken: PlatformError | null = null;
  #recovering = false;
  #failures = 0;
  #idle: (() => void)[] = [];

  private constructor(
    cluster: Cluster,
    logger: Logger,
    limits: WriterLimits,
    name: string,
    producerId: bigint,
    epoch: number,
  ) {
    this.#cluster = cluster;
    this.#logger = logger;
    this.#limits = limits;
    this.#name = name;
    this.#producerId = producerId;
    this.epoch = epoch;
  }

  static async open(
    cluster: Cluster,
    logger: Logger,
    limits: WriterLimits,
    options: OpenWriterOptions,
  ): Promise<KafkaWriter> {
    const deadlineMs = performance.now() + limits.appendTimeoutMs;
    await findLeaders(cluster, options.partitions, deadlineMs);
    const { producerId, producerEpoch } = await cluster.initProducerId(options.name, 60_000, deadlineMs);
    const writer = new KafkaWriter(cluster, logger, limits, options.name, producerId, producerEpoch);
    const leaders = await findLeaders(cluster, options.partitions, deadlineMs);
    for (const { topic, partition } of options.partitions) {
      const leader = leaders.get(partitionName({ topic, partition })) as number;
      const state = { topic, partition, leader, nextSequence: 0, nextOffset: null, startOffset: 0n, unsettled: [] };
      writer.#partitions.set(partitionName(state), state);
    }
    const barrier = options.barrier(producerEpoch);
    const barriers = await writer.append(options.partitions.map((partition) => ({ ...partition, records: [barrier] })));
    const offsets = new Map(barriers.map((result) => [partitionName(result), result.baseOffset]));
    writer.#ends = options.partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      barrierOffset: offsets.get(partitionName({ topic, partition })) ?? 0n,
      startOffset: writer.#partitions.get(partitionName({ topic, partition }))?.startOffset ?? 0n,
    }));
    return writer;
  }

  get ends(): readonly PartitionEnd[] {
    return this.#ends;
  }

  append(batches: readonly AppendRequest[]): Promise<readonly AppendResult[]> {
    if (this.#broken !== null) return Promise.reject(this.#broken);
    if (batches.length === 0) return Promise.resolve([]);
    try {
      checkAppend(this.#name, (name) => this.#partitions.has(name), batches);
    } catch (error) {
      return Promise.reject(asPlatformError(error));
    }
    return new Promise((resolve, reject) => {
      const deadlineMs = performance.now() + this.#limits.appendTimeoutMs;
      const append: Append = { batches: new Set(), results: [], deadlineMs, resolve, reject };
      const timestampMs = Date.now();
      for (const [index, request] of batches.entries()) {
        append.batches.add(this.#encode(request, append, index, timestampMs));
      }
      this.#appends.add(append);
      if (!this.#recovering) this.#enqueue(append);
    });
  }

  async close(): Promise<void> {
    if (this.#appends.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.#broken ??= new PlatformError('internal', `Writer ${this.#name} is closed.`);
    for (const { connection } of this.#lanes.values()) connection?.destroy('The writer was closed.');
  }

  #encode(request: AppendRequest, append: Append, index: number, timestampMs: number): Batch {
    const of = this.#partitions.get(partitionName(request)) as Partition;
    const count = request.records.length;
    const encoded = encodeBatch(request.records, {
      timestampMs,
      producerId: this.#producerId,
      producerEpoch: this.epoch,
      baseSequence: of.nextSequence,
    });
    const { topic, partition } = of;
    const batch: Batch = { topic, partition, encoded, of, count, predicted: of.nextOffset, append, index };
    of.nextSequence = (of.nextSequence + count) & sequenceMask;
    if (of.nextOffset !== null) of.nextOffset += BigInt(count);
    of.unsettled.push(batch);
    return batch;
  }

  /** Splits an append's unsettled batches by leader and sends what may be sent. */
  #enqueue({ batches }: Append): void {
    const byLeader = new Map<number, Batch[]>();
    for (const batch of batches) {
      const list = byLeader.get(batch.of.leader);
      if (list === undefined) byLeader.set(batch.of.leader, [batch]);
      else list.push(batch);
    }
    for (const [leader, list] of byLeader) {
      const lane = this.#lane(leader);
      lane.queue.push(list);
      this.#pump(lane);
    }
  }

  #lane(nodeId: number): Lane {
    let lane = this.#lanes.get(nodeId);
    if (lane === undefined) {
      lane = { nodeId, connection: null, opening: false, inFlight: 0, queue: [] };
      this.#lanes.set(nodeId, lane);
    }
    return lane;
  }

  #pump(lane: Lane): void {
    if (lane.queue.length === 0 || lane.opening || this.#recovering || this.#broken !== null) return;
    if (lane.connection === null || lane.connection.closed) {
      void this.#connect(lane);
      return;
    }
    while (lane.inFlight < this.#limits.maxInFlight) {
      const batches = lane.queue.shift();
      if (batches === undefined) return;
      void this.#send(lane, lane.connection, batches);
    }
  }

  async #connect(lane: Lane): Promise<void> {
    lane.opening = true;
    try {
      const connection = await this.#cluster.connect(lane.nodeId);
      if (this.#broken !== null) connection.destroy('The writer was closed.');
      else lane.connection = connection;
    } catch (error) {
      this.#recover(error);
    } finally {
      lane.opening = false;
      this.#pump(lane);
    }
  }

  async #send(lane: Lane, connection: Connection, batches: readonly Batch[]): Promise<void> {
    lane.inFlight++;
    let failure: unknown;
    try {
      const timeoutMs = this.#cluster.requestTimeoutMs;
      const answer = await connection.request(produceRequest(batches, timeoutMs), timeoutMs);
      failure = this.#settleAll(batches, decodeProduce(answer));
    } catch (error) {
      failure = error;
    }
    lane.inFlight--;
    if (failure !== null) this.#recover(failure);
    else this.#failures = 0;
    this.#pump(lane);
    if (this.#recovering) this.#drained?.();
  }

  /** Settles each batch the broker has taken; breaks the writer on a final refusal; returns the reason to try the rest again, or null. */
  #settleAll(batches: readonly Batch[], produced: readonly ProducedBatch[]): Error | null {
    let again: Error | null = null;
    const answers = new Map(produced.map((answer) => [partitionName(answer), answer]));
    for (const batch of batches) {
      const answer = answers.get(partitionName(batch));
      const code = answer?.errorCode ?? errorCode.networkException;
      if (answer !== undefined && (code === errorCode.none || code === errorCode.duplicateSequence)) {
        this.#settle(batch, answer);
      } else if (isRetriable(code) || (code === errorCode.outOfOrderSequence && batch.of.unsettled[0] !== batch)) {
        again = new Error(`${partitionName(batch)}: ${errorName(code)}`);
      } else {
        this.#break(refusal({ writer: this.#name, epoch: this.epoch }, batch, code));
        return null;
      }
    }
    return again;
  }

  #settle(batch: Batch, { baseOffset, logStartOffset, errorCode: code }: ProducedBatch): void {
    const { of, predicted, append, count } = batch;
    const offset = code === errorCode.duplicateSequence && baseOffset < 0n ? predicted : baseOffset;
    if (offset === null || (predicted !== null && predicted !== offset)) {
      const found = `offset ${baseOffset.toString()} instead of ${predicted?.toString() ?? 'a known one'}`;
      this.#break(
        new PlatformError('log-unknown-outcome', `A batch of ${this.#name} in ${partitionName(of)} got ${found}.`),
      );
      return;
    }
    // Almost always the first; not where an earlier one was appended but only later found replicated.
    of.unsettled.splice(of.unsettled.indexOf(batch), 1);
    of.nextOffset ??= offset + BigInt(count);
    if (logStartOffset >= 0n) of.startOffset = logStartOffset;
    append.batches.delete(batch);
    append.results[batch.index] = { topic: of.topic, partition: of.partition, baseOffset: offset };
    if (append.batches.size > 0) return;
    this.#appends.delete(append);
    append.resolve(append.results);
    if (this.#appends.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #drained: (() => void) | null = null;

  /** Stops sending; when nothing is in flight any more, finds the leaders and sends all that is unsettled again, in order. */
  #recover(reason: unknown): void {
    if (this.#recovering || this.#broken !== null) return;
    this.#recovering = true;
    void this.#resend(reason).catch((error: unknown) => this.#break(asPlatformError(error)));
  }

  async #resend(reason: unknown): Promise<void> {
    let last = reason;
    for (const lane of this.#lanes.values()) lane.queue = [];
    while ([...this.#lanes.values()].some(({ inFlight }) => inFlight > 0)) {
      await new Promise<void>((resolve) => (this.#drained = resolve));
    }
    for (;;) {
      if (this.#broken !== null) return;
      const [oldest] = this.#appends;
      if (oldest === undefined) break;
      if (performance.now() > oldest.deadlineMs) {
        this.#break(unsettled(this.#name, last));
        return;
      }
      const delayMs = backoffDelayMs(++this.#failures, backoff);
      this.#logger[this.#failures % 10 === 5 ? 'warn' : 'debug'](
        { err: last, log: this.#name, delayMs },
        'Sending again what Kafka did not answer',
      );
      await sleep(delayMs);
      try {
        if (await this.#refreshLeaders()) break;
      } catch (error) {
        last = error;
      }
    }
    this.#recovering = false;
    for (const append of [...this.#appends]) this.#enqueue(append);
  }

  async #refreshLeaders(): Promise<boolean> {
    const partitions = [...this.#partitions.values()].filter(({ unsettled }) => unsettled.length > 0);
    const leaders = await this.#cluster.leaders(partitions);
    for (const partition of partitions) {
      const leader = leaders.of(partition);
      if (leader === undefined) return false;
      partition.leader = leader;
    }
    return true;
  }

  #break(error: PlatformError): void {
    if (this.#broken !== null) return;
    this.#broken = error;
    for (const append of this.#appends) append.reject(error);
    this.#appends.clear();
    for (const { connection } of this.#lanes.values()) connection?.destroy(error.message);
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
