import { isKind } from '@millrace/kernel/errors';
import type { PlatformError } from '@millrace/kernel/errors';
import type { LogClient, LogWriter, RecordView } from '@millrace/kernel/log';
import { deadLetterHeaders } from '@millrace/schemas/dead-letters';
import { barrierRecord, barrierSchema } from '@millrace/schemas/markers';
import type { SchemaRegistry } from '@millrace/schemas/registry';

export interface DeadLetterOrigin {
  readonly topic: string;
  readonly partition: number;
}

export type KeptRecord = Pick<RecordView, 'offset' | 'key' | 'value'>;

/** A record, and why its sink cannot apply it. */
export interface Unapplied {
  readonly record: KeptRecord;
  readonly error: PlatformError;
}

/**
 * Keeps what cannot be read, or what the store refuses, in `<topic>.dlq`, same partition. Each sink has its own writers (they fence only their own predecessors), so a
 * record that several sinks read is there once for each; after a restart it may be there again.
 */
export class DeadLetters {
  readonly #log: LogClient;
  readonly #registry: SchemaRegistry;
  readonly #reader: string;
  readonly #writers = new Map<string, Promise<LogWriter>>();

  constructor(log: LogClient, registry: SchemaRegistry, sink: string) {
    this.#log = log;
    this.#registry = registry;
    this.#reader = `sinks/${sink}`;
  }

  /** Resolves when all replicas hold it. */
  async keep({ topic, partition }: DeadLetterOrigin, { record, error }: Unapplied): Promise<void> {
    const dlq = `${topic}.dlq`;
    const headers: [string, Uint8Array][] = Object.entries({
      [deadLetterHeaders.topic]: topic,
      [deadLetterHeaders.partition]: String(partition),
      [deadLetterHeaders.offset]: record.offset.toString(),
      [deadLetterHeaders.processor]: this.#reader,
      [deadLetterHeaders.kind]: error.kind,
      [deadLetterHeaders.message]: error.message.slice(0, 1000),
    }).map(([name, value]) => [name, Buffer.from(value)]);
    const key = record.key === null ? null : Buffer.from(record.key);
    const value = record.value === null ? null : Buffer.from(record.value);
    for (let attempt = 1; ; attempt++) {
      const writer = await this.#writer(dlq, partition);
      try {
        await writer.append([{ topic: dlq, partition, records: [{ key, value, headers }] }]);
        return;
      } catch (failure) {
        this.#writers.delete(this.#nameOf(dlq, partition));
        // Others write to these topics too: what they wrote in between looks like an outcome that is not known.
        if (!isKind(failure, 'log-unknown-outcome') || attempt === 5) throw failure;
      }
    }
  }

  async close(): Promise<void> {
    const writers = [...this.#writers.values()];
    this.#writers.clear();
    await Promise.allSettled(writers.map(async (opening) => (await opening).close()));
  }

  #writer(topic: string, partition: number): Promise<LogWriter> {
    const name = this.#nameOf(topic, partition);
    const known = this.#writers.get(name);
    if (known !== undefined) return known;
    const opened = this.#open(name, topic, partition);
    this.#writers.set(name, opened);
    // A failed opening is tried again by the next record.
    opened.catch(() => this.#writers.delete(name));
    return opened;
  }

  #nameOf(topic: string, partition: number): string {
    return `${this.#reader}/${topic}/${partition}`;
  }

  async #open(name: string, topic: string, partition: number): Promise<LogWriter> {
    const schemaId = await this.#registry.register(topic, barrierSchema);
    const barrier = (epoch: number) => barrierRecord(schemaId, name, epoch);
    return this.#log.openWriter({ name, partitions: [{ topic, partition }], barrier });
  }
}
