import type { Admin, ITopicConfig, Kafka } from 'kafkajs';
import { PlatformError, asPlatformError } from '../errors/index.ts';
import type { LogAdmin, TopicSpec } from '../log/index.ts';
import { retry } from '../retry/index.ts';
import type { RetryOptions } from '../retry/index.ts';

const LEADERLESS = new Set(['LEADER_NOT_AVAILABLE', 'NOT_LEADER_FOR_PARTITION']);
/** Brokers know of a new topic within a second or two. */
const LATE_METADATA = { attempts: 8, initialMs: 100, maxMs: 2_000, jitter: 0 };

function topicConfig({ topic, partitions, replicationFactor, config }: TopicSpec): ITopicConfig {
  return {
    topic,
    numPartitions: partitions,
    replicationFactor: replicationFactor ?? -1, // the broker's default
    configEntries: Object.entries(config ?? {}).map(([name, value]) => ({ name, value })),
  };
}

/** Administration by kafkajs's public API; connects at its first use. `disconnect` before the process ends. */
export class KafkajsAdmin implements LogAdmin {
  readonly #kafka: Kafka;
  readonly #lateMetadata: Omit<RetryOptions, 'retryable'>;
  #connected: Promise<Admin> | null = null;

  constructor(kafka: Kafka, lateMetadata: Omit<RetryOptions, 'retryable'> = LATE_METADATA) {
    this.#kafka = kafka;
    this.#lateMetadata = lateMetadata;
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<{ created: readonly string[] }> {
    const existing = new Set(await this.#listAll());
    const missing = topics.filter(({ topic }) => !existing.has(topic));
    await this.#checkPartitions(topics.filter(({ topic }) => existing.has(topic)));
    if (missing.length === 0) return { created: [] };
    const creation = { topics: missing.map(topicConfig), waitForLeaders: true, timeout: 30_000 };
    // false: another process created some of them in between.
    if (!(await this.#call((admin) => admin.createTopics(creation)))) await this.#checkPartitions(missing);
    return { created: missing.map(({ topic }) => topic) };
  }

  async deleteTopics(topics: readonly string[]): Promise<void> {
    const existing = new Set(await this.#listAll());
    const doomed = topics.filter((topic) => existing.has(topic));
    if (doomed.length > 0) await this.#call((admin) => admin.deleteTopics({ topics: doomed, timeout: 30_000 }));
  }

  async offsets(topic: string): Promise<readonly { partition: number; start: bigint; end: bigint }[]> {
    // Asked for a missing topic, kafkajs tries for 12 s.
    if (!(await this.#listAll()).includes(topic)) {
      throw new PlatformError('topic-missing', `There is no topic ${topic}.`);
    }
    return this.stableOffsets(topic);
  }

  /** Of a topic that exists. `end` is the last stable offset: a committed transaction moves it a moment after its commit is answered. */
  async stableOffsets(topic: string): Promise<readonly { partition: number; start: bigint; end: bigint }[]> {
    const offsets = await this.#call((admin) => admin.fetchTopicOffsets(topic));
    return offsets
      .map(({ partition, low, high }) => ({ partition, start: BigInt(low), end: BigInt(high) }))
      .sort((left, right) => left.partition - right.partition);
  }

  async listTopics(): Promise<readonly string[]> {
    return (await this.#listAll()).filter((topic) => !topic.startsWith('__')).sort();
  }

  /** kafkajs's public API shows no topic ids. */
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- the adapter that extends this one needs it
  identity(topic: string): Promise<string | null> {
    return Promise.resolve(null);
  }

  /** Deletes a consumer group that has no members any more; leaves it to the broker when that fails. */
  async deleteGroup(groupId: string): Promise<void> {
    await this.#call((admin) => admin.deleteGroups([groupId])).catch(() => undefined);
  }

  async disconnect(): Promise<void> {
    const connected = this.#connected;
    this.#connected = null;
    if (connected !== null) await (await connected).disconnect();
  }

  #listAll(): Promise<string[]> {
    return this.#call((admin) => admin.listTopics());
  }

  async #checkPartitions(topics: readonly TopicSpec[]): Promise<void> {
    if (topics.length === 0) return;
    const names = topics.map(({ topic }) => topic);
    const metadata = await this.#call((admin) => admin.fetchTopicMetadata({ topics: names }));
    const counts = new Map(metadata.topics.map(({ name, partitions }) => [name, partitions.length]));
    for (const { topic, partitions } of topics) {
      const count = counts.get(topic);
      if (count !== undefined && count !== partitions) {
        throw new PlatformError('conflict', `Topic ${topic} has ${count} partitions, not ${partitions}.`);
      }
    }
  }

  /**
   * Runs a step; after a failure once more on a new connection, since a kafkajs client keeps asking for every topic it was ever asked about and
   * fails at all of them when one was deleted.
   */
  async #call<T>(step: (admin: Admin) => Promise<T>): Promise<T> {
    const connected = this.#admin();
    try {
      return await step(await connected);
    } catch {
      await this.#giveUp(connected);
    }
    try {
      return await retry(async () => step(await this.#admin()), { ...this.#lateMetadata, retryable: isOfLateMetadata });
    } catch (error) {
      throw asPlatformError(error, 'engine-unreachable');
    }
  }

  /** Of several calls that fail on one connection the first ends it; what another has connected since is left alone. */
  async #giveUp(connected: Promise<Admin>): Promise<void> {
    if (this.#connected !== connected) return;
    await this.disconnect().catch(() => undefined);
  }

  #admin(): Promise<Admin> {
    const connected = (this.#connected ??= this.#connect());
    connected.catch(() => {
      if (this.#connected === connected) this.#connected = null;
    });
    return connected;
  }

  async #connect(): Promise<Admin> {
    const admin = this.#kafka.admin();
    await admin.connect();
    return admin;
  }
}

/**
 * A new topic that is not led yet (kafkajs gives up at once), or that one of several brokers does not know yet: it answers without the topic, and
 * kafkajs (2.2) trips over what is not there.
 */
function isOfLateMetadata(error: unknown): boolean {
  if (error instanceof TypeError) return true;
  return error instanceof Error && 'type' in error && LEADERLESS.has(String(error.type));
}
