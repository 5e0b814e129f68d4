import type { Kafka } from 'kafkajs';
import type { LogAdmin, LogClient, LogReader, LogWriter, OpenWriterOptions } from '../log/index.ts';
import { KafkajsAdmin, createKafkajs, type KafkajsOptions } from '../log-kafkajs/index.ts';
import type { Group, GroupOptions } from '../group/index.ts';
import { Cluster } from './cluster.ts';
import { KafkaGroup } from './group.ts';
import { KafkaReader } from './reader.ts';
import { KafkaWriter } from './writer.ts';

export interface KafkaLogOptions extends KafkajsOptions {
  /** An append not settled after this long (answers and repetitions included) ends its writer with `log-unknown-outcome`. Default 30,000. */
  readonly appendTimeoutMs?: number;
  /** How long one request may stay unanswered before its connection is given up. Default 10,000. */
  readonly requestTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
}

/**
 * The default adapter: our own Produce and Fetch codec on connections that kafkajs opened and authenticated; administration by kafkajs.
 *
 * Limits: one batch goes out uncompressed; batches are read uncompressed or gzip. Foreign transactions' aborted records are not left out (the
 * log has no transactions). The broker forgets a transactional id unused for `transactional.id.expiration.ms` (7 days), and after 32,767
 * openings of one name gives a new producer id: an older writer that survived that long is no longer refused.
 */
export function createKafkaLog(options: KafkaLogOptions): LogClient {
  return new KafkaLog(options);
}

/** A member of a group on the same brokers. Closing is its `run`'s end. */
export function createKafkaGroup(options: KafkaLogOptions, group: GroupOptions): Group {
  const cluster = clusterOf(options);
  const member = new KafkaGroup(cluster, group, options.logger);
  return {
    run: async (signal) => {
      try {
        await member.run(signal);
      } finally {
        cluster.close();
      }
    },
    rejoin: () => {
      member.rejoin();
    },
  };
}

function clusterOf(options: KafkaLogOptions): Cluster {
  const { brokers, clientId, logger, ssl, sasl } = options;
  return new Cluster({
    brokers,
    clientId,
    logger,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl: sasl as never }),
    connectTimeoutMs: options.connectTimeoutMs ?? 3_000,
    requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
  });
}

/** kafkajs's, but for what its public API does not show. */
class KafkaAdmin extends KafkajsAdmin {
  readonly #cluster: Cluster;

  constructor(kafka: Kafka, cluster: Cluster) {
    super(kafka);
    this.#cluster = cluster;
  }

  override identity(topic: string): Promise<string> {
    return this.#cluster.identity(topic);
  }
}

/** As Kafka's own consumers ask for: what one partition has must not fill a whole answer, and with it the memory of a reader that waits for the others. */
const PARTITION_BYTES = 1_048_576;

class KafkaLog implements LogClient {
  readonly admin: LogAdmin;
  readonly #admin: KafkajsAdmin;
  readonly #cluster: Cluster;
  readonly #options: KafkaLogOptions;
  readonly #readers = new Set<KafkaReader>();
  readonly #writers = new Set<KafkaWriter>();

  constructor(options: KafkaLogOptions) {
    this.#options = options;
    this.#cluster = clusterOf(options);
    this.#admin = new KafkaAdmin(createKafkajs(options), this.#cluster);
    this.admin = this.#admin;
  }

  async openWriter(options: OpenWriterOptions): Promise<LogWriter> {
    const limits = { appendTimeoutMs: this.#options.appendTimeoutMs ?? 30_000, maxInFlight: 5 };
    const writer = await KafkaWriter.open(this.#cluster, this.#options.logger, limits, options);
    this.#writers.add(writer);
    return writer;
  }

  createReader(options: { maxBytes?: number; minBytes?: number } = {}): LogReader {
    const { minBytes = 1, maxBytes = 4_194_304 } = options;
    const limits = { maxWaitMs: 500, minBytes, maxBytes, maxPartitionBytes: Math.min(maxBytes, PARTITION_BYTES) };
    const reader = new KafkaReader(this.#cluster, this.#options.logger, limits);
    this.#readers.add(reader);
    return reader;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#readers].map((reader) => reader.close()));
    await Promise.all([...this.#writers].map((writer) => writer.close()));
    this.#cluster.close();
    await this.#admin.disconnect();
  }
}
