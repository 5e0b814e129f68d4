import type {
  LogAdmin,
  LogClient,
  LogReader,
  LogWriter,
  OpenWriterOptions,
  TopicPartition,
  TopicSpec,
} from '../log/index.ts';
import { MemoryReader } from './reader.ts';
import { MemoryStore, type StoredRecord } from './store.ts';
import { MemoryWriter, type MemoryHooks } from './writer.ts';

export interface MemoryLogOptions {
  /** Topics to begin with, as `ensureTopics` would make them. */
  readonly topics?: readonly TopicSpec[];
  /** Records' time in ms; default always 0. */
  readonly now?: () => number;
}

/**
 * The log port in memory, for tests: one instance is the "cluster", `client()` gives further clients of it (closing one leaves the others
 * alone), several writers of one name fence each other, and an older one stays usable as a zombie that is refused.
 *
 * Deterministic: no clock, no timers, no chance. Differences from Kafka: an unanswered poll waits for data, its signal, `close` or `wake`
 * instead of a time; records handed out are overwritten at the next poll (the port allows it, so a consumer must stand it).
 */
export class MemoryLog implements LogClient {
  /** Failures to inject; replace at any time. */
  hooks: MemoryHooks = {};
  readonly admin: LogAdmin;
  readonly #store = new MemoryStore();
  readonly #readers = new Set<MemoryReader>();
  readonly #now: () => number;

  constructor(options: MemoryLogOptions = {}) {
    this.#now = options.now ?? (() => 0);
    this.admin = memoryAdmin(this.#store);
    for (const topic of options.topics ?? []) this.#store.create(topic);
  }

  /** Another client of the same log, as another process would hold. */
  client(): LogClient {
    const readers: LogReader[] = [];
    return {
      admin: this.admin,
      openWriter: (options) => this.openWriter(options),
      createReader: (options) => {
        const reader = this.createReader(options);
        readers.push(reader);
        return reader;
      },
      close: async () => {
        await Promise.all(readers.map((reader) => reader.close()));
      },
    };
  }

  async openWriter(options: OpenWriterOptions): Promise<LogWriter> {
    await Promise.resolve();
    return new MemoryWriter({ store: this.#store, now: this.#now, hooks: () => this.hooks }, options);
  }

  createReader(options: { maxBytes?: number; minBytes?: number } = {}): LogReader {
    const reader = new MemoryReader(this.#store, options.maxBytes ?? 8_388_608);
    this.#readers.add(reader);
    return reader;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#readers].map((reader) => reader.close()));
  }

  /** Lets every waiting poll answer with nothing, as if its wait had passed. */
  wake(): void {
    for (const reader of this.#readers) reader.wake();
  }

  /** Everything a partition still holds: the log's own records, for assertions. */
  records(topic: string, partition = 0): readonly StoredRecord[] {
    return [...this.#store.partition({ topic, partition }).records];
  }

  /** Keeps each key's last record; offsets stay, so holes appear. `dropTombstones` as after `delete.retention.ms`; of which keys, or of all. */
  compact(topic: string, options: { dropTombstones?: boolean | ((key: Buffer) => boolean) } = {}): void {
    const { dropTombstones = false } = options;
    const drops = typeof dropTombstones === 'boolean' ? () => dropTombstones : dropTombstones;
    for (const partition of this.#store.partitionsOf(topic)) partition.compact(drops);
  }

  /** Drops what lies below `start`, as retention does. */
  trim(partition: TopicPartition, start: bigint): void {
    this.#store.partition(partition).trim(start);
  }
}

function memoryAdmin(store: MemoryStore): LogAdmin {
  return {
    // eslint-disable-next-line @typescript-eslint/require-await -- so that `conflict` rejects instead of throwing
    ensureTopics: async (topics) => ({
      created: topics.filter((topic) => store.create(topic)).map(({ topic }) => topic),
    }),
    deleteTopics: (topics) => {
      for (const topic of topics) store.topics.delete(topic);
      store.changed();
      return Promise.resolve();
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- so that `topic-missing` rejects instead of throwing
    offsets: async (topic) => store.partitionsOf(topic).map(({ start, end }, partition) => ({ partition, start, end })),
    // eslint-disable-next-line @typescript-eslint/require-await -- so that `topic-missing` rejects instead of throwing
    identity: async (topic) => {
      store.partitionsOf(topic);
      return `memory/${store.numbers.get(topic) ?? -1}`;
    },
    listTopics: () => Promise.resolve([...store.topics.keys()].sort()),
  };
}
