import {
  Partitioners,
  type Kafka,
  type Message,
  type Producer,
  type RecordMetadata,
  type TopicMessages,
} from 'kafkajs';
import { PlatformError } from '../errors/index.ts';
import { checkAppend, partitionName } from '../log/append-check.ts';
import type {
  AppendRequest,
  AppendResult,
  LogRecord,
  LogWriter,
  OpenWriterOptions,
  PartitionEnd,
  TopicPartition,
} from '../log/index.ts';
import { sleep } from '../retry/index.ts';
import type { KafkajsAdmin } from './admin.ts';

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const fencedTypes = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING']);
const tooLargeTypes = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

function message({ key, value, headers }: LogRecord, partition: number): Message {
  const grouped: Record<string, Buffer[]> = {};
  for (const [name, bytes] of headers ?? []) (grouped[name] ??= []).push(asBuffer(bytes));
  return {
    partition,
    key: key === null ? null : asBuffer(key),
    value: value === null ? null : asBuffer(value),
    ...(headers === undefined ? {} : { headers: grouped }),
  };
}

/** The `type` of the Kafka error that an error is, or was caused by. */
function errorTypes(error: unknown): string[] {
  const types: string[] = [];
  for (let at = error; at instanceof Error && types.length < 8; at = at.cause) {
    if ('type' in at && typeof at.type === 'string') types.push(at.type);
  }
  return types;
}

/**
 * A fenced writer by kafkajs's public API: each append is one transaction under the log's name, one at a time. Opening initialises the
 * transactional id anew, so the coordinator aborts what an older writer had open and refuses it from then on.
 */
export class KafkajsWriter implements LogWriter {
  readonly epoch: number;
  readonly ends: readonly PartitionEnd[];
  readonly #name: string;
  readonly #producer: Producer;
  readonly #admin: KafkajsAdmin;
  readonly #partitions: ReadonlySet<string>;
  #tail: Promise<unknown> = Promise.resolve();
  #broken: PlatformError | null = null;

  private constructor(
    name: string,
    producer: Producer,
    admin: KafkajsAdmin,
    epoch: number,
    ends: readonly PartitionEnd[],
  ) {
    this.#name = name;
    this.#producer = producer;
    this.#admin = admin;
    this.epoch = epoch;
    this.ends = ends;
    this.#partitions = new Set(ends.map(partitionName));
  }

  /**
   * kafkajs does not show the producer epoch, so the epoch is taken from the clock (ms): it grows with each opening as long as clocks do,
   * and orders barriers for a reader. What the broker fences by is its own.
   */
  static async open(kafka: Kafka, admin: KafkajsAdmin, options: OpenWriterOptions): Promise<KafkajsWriter> {
    const starts = await startOffsets(admin, options.partitions);
    const producer = kafka.producer({
      transactionalId: options.name,
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
      // Back-to-back transactions are told to wait while the last one is being written out.
      retry: { initialRetryTime: 5, factor: 0, multiplier: 1.5, maxRetryTime: 1_000, retries: 20 },
    });
    await producer.connect();
    const epoch = Date.now();
    const barrier = options.barrier(epoch);
    const requests = options.partitions.map((partition) => ({ ...partition, records: [barrier] }));
    const results = await transact(producer, options.name, requests);
    await untilReadable(admin, results);
    const ends = results.map(({ topic, partition, baseOffset }) => ({
      topic,
      partition,
      barrierOffset: baseOffset,
      startOffset: starts.get(partitionName({ topic, partition })) ?? 0n,
    }));
    return new KafkajsWriter(options.name, producer, admin, epoch, ends);
  }

  append(batches: readonly AppendRequest[]): Promise<readonly AppendResult[]> {
    const result = this.#tail.then(async () => {
      if (this.#broken !== null) throw this.#broken;
      // A partition that does not exist would be dropped by kafkajs without a word.
      checkAppend(this.#name, (name) => this.#partitions.has(name), batches);
      if (batches.length === 0) return [];
      try {
        const results = await transact(this.#producer, this.#name, batches);
        await untilReadable(this.#admin, results);
        return results;
      } catch (error) {
        this.#broken = error as PlatformError;
        throw error;
      }
    });
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async close(): Promise<void> {
    await this.#tail;
    this.#broken ??= new PlatformError('internal', `Writer ${this.#name} is closed.`);
    await this.#producer.disconnect();
  }
}

async function startOffsets(admin: KafkajsAdmin, partitions: readonly TopicPartition[]): Promise<Map<string, bigint>> {
  const starts = new Map<string, bigint>();
  for (const topic of new Set(partitions.map((partition) => partition.topic))) {
    for (const { partition, start } of await admin.offsets(topic))
      starts.set(partitionName({ topic, partition }), start);
  }
  const missing = partitions.map(partitionName).filter((key) => !starts.has(key));
  if (missing.length > 0) throw new PlatformError('topic-missing', `Kafka has no ${missing.join(', ')}.`);
  return starts;
}

/** A transaction's commit is answered before its markers are written: only then may everybody read it. */
async function untilReadable(admin: KafkajsAdmin, results: readonly AppendResult[]): Promise<void> {
  for (const topic of new Set(results.map((result) => result.topic))) {
    const own = results.filter((result) => result.topic === topic);
    for (;;) {
      const ends = new Map((await admin.stableOffsets(topic)).map(({ partition, end }) => [partition, end]));
      if (own.every(({ partition, baseOffset }) => (ends.get(partition) ?? 0n) > baseOffset)) break;
      await sleep(2);
    }
  }
}

async function transact(producer: Producer, name: string, requests: readonly AppendRequest[]): Promise<AppendResult[]> {
  const byTopic = new Map<string, Message[]>();
  for (const { topic, partition, records } of requests) {
    const messages = byTopic.get(topic) ?? [];
    messages.push(...records.map((record) => message(record, partition)));
    byTopic.set(topic, messages);
  }
  const topicMessages: TopicMessages[] = [...byTopic].map(([topic, messages]) => ({ topic, messages }));
  try {
    const transaction = await producer.transaction();
    const sent = await transaction.sendBatch({ topicMessages, acks: -1 });
    await transaction.commit();
    return requests.map((request) => resultOf(name, request, sent));
  } catch (error) {
    throw writeError(error, name);
  }
}

function resultOf(name: string, { topic, partition }: AppendRequest, sent: readonly RecordMetadata[]): AppendResult {
  const found = sent.find((metadata) => metadata.topicName === topic && metadata.partition === partition);
  if (found?.baseOffset === undefined) {
    throw new PlatformError('log-unknown-outcome', `kafkajs gave no offset for ${name} in ${topic}/${partition}.`);
  }
  return { topic, partition, baseOffset: BigInt(found.baseOffset) };
}

function writeError(error: unknown, name: string): PlatformError {
  if (error instanceof PlatformError) return error;
  const types = errorTypes(error);
  const reason = error instanceof Error ? error.message : String(error);
  if (types.some((type) => fencedTypes.has(type))) {
    return new PlatformError('log-fenced', `A newer writer owns ${name}.`, { cause: error });
  }
  if (types.some((type) => tooLargeTypes.has(type))) {
    return new PlatformError('log-record-too-large', `A batch is too large for ${name}: ${reason}`, { cause: error });
  }
  return new PlatformError('log-unknown-outcome', `An append of ${name} failed: ${reason}`, { cause: error });
}
