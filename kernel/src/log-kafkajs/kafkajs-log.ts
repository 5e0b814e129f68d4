import type { Kafka } from 'kafkajs';
import type { LogAdmin, LogClient, LogReader, LogWriter, OpenWriterOptions } from '../log/index.ts';
import { KafkajsAdmin } from './admin.ts';
import { createKafkajs, type KafkajsOptions } from './kafkajs-client.ts';
import { KafkajsReader } from './reader.ts';
import { KafkajsWriter } from './writer.ts';

/**
 * The log port by kafkajs's public API alone: slower, kept as the way out should the default adapter fail with some broker.
 *
 * What differs from `log-kafka`:
 * - Each append is a transaction, one after another, so every append costs several round trips, and each one's commit marker takes an offset: the
 *   offsets between two appends have gaps, and the log's `end` lies past the last record.
 * - `epoch` comes from the clock; the broker fences by an epoch that kafkajs does not show.
 * - A reader joins a group of its own per topic: its first records take some hundred ms, and the group is deleted when it closes (a
 *   killed process leaves an empty group, which the broker forgets after `offsets.retention.minutes`).
 * - An offset out of range is found when a partition is assigned or resumed; if retention overtakes a reader later, kafkajs goes on at the beginning.
 * - kafkajs leaves out aborted records by its own reckoning, which is wrong in some interleavings of several transactional writers in one
 *   partition; with one writer per partition there are none.
 */
export function createKafkajsLog(options: KafkajsOptions): LogClient {
  return new KafkajsLog(options);
}

class KafkajsLog implements LogClient {
  readonly admin: LogAdmin;
  readonly #admin: KafkajsAdmin;
  readonly #kafka: Kafka;
  readonly #open = new Set<LogReader | LogWriter>();

  constructor(options: KafkajsOptions) {
    this.#kafka = createKafkajs(options);
    this.#admin = new KafkajsAdmin(this.#kafka);
    this.admin = this.#admin;
  }

  async openWriter(options: OpenWriterOptions): Promise<LogWriter> {
    const writer = await KafkajsWriter.open(this.#kafka, this.#admin, options);
    this.#open.add(writer);
    return writer;
  }

  createReader(options: { maxBytes?: number; minBytes?: number } = {}): LogReader {
    const limits = { maxBytes: options.maxBytes ?? 4_194_304, minBytes: options.minBytes ?? 1 };
    const reader = new KafkajsReader(this.#kafka, this.#admin, limits);
    this.#open.add(reader);
    return reader;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((open) => open.close()));
    await this.#admin.disconnect();
  }
}
