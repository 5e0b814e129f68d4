import { PlatformError } from '../errors/index.ts';
import type { TopicPartition } from '../log/index.ts';
import { backoffDelayMs, sleep } from '../retry/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { Connection, type WireRequest } from './connection.ts';
import { errorCode, errorName, isRetriable } from './error-codes.ts';
import { openSocket, type Address, type SocketOptions } from './kafkajs-internals.ts';
import {
  decodeCoordinator,
  decodeMetadata,
  decodeProducerId,
  findCoordinatorRequest,
  initProducerIdRequest,
  metadataRequest,
  type BrokerAddress,
  type Metadata,
  type ProducerId,
} from './protocol.ts';
import { decodeTopicIdentity, topicIdentityRequest } from './topic-identity.ts';

export interface ClusterOptions extends SocketOptions {
  /** `host:port` of some brokers; the others are learned. */
  readonly brokers: readonly string[];
  readonly requestTimeoutMs: number;
}

/** Leaders of the partitions asked for, as of one metadata answer. A partition without a leader now is absent. */
export interface Leaders {
  of(partition: TopicPartition): number | undefined;
  /** Topics, or partitions of them, that do not exist. */
  readonly missing: readonly string[];
}

const backoff = { initialMs: 20, maxMs: 1_000, jitter: 0.5 };

function parseAddress(broker: string): Address {
  const colon = broker.lastIndexOf(':');
  return { host: broker.slice(0, colon), port: Number(broker.slice(colon + 1)) };
}

/** Which broker to ask: bootstrap, metadata, coordinators, connections. Holds one connection of its own for those questions. */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #logger: Logger;
  readonly #bootstrap: readonly Address[];
  #brokers = new Map<number, BrokerAddress>();
  #control: Promise<Connection> | null = null;
  #nextBootstrap = 0;
  #closed = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#bootstrap = options.brokers.map(parseAddress);
  }

  get requestTimeoutMs(): number {
    return this.#options.requestTimeoutMs;
  }

  /** A new connection to a broker that metadata named. Rejects when it does not answer. */
  async connect(nodeId: number): Promise<Connection> {
    const address = this.#brokers.get(nodeId);
    if (address === undefined) throw new PlatformError('engine-unreachable', `Kafka broker ${nodeId} is not known.`);
    return this.#open(address);
  }

  async leaders(partitions: readonly TopicPartition[]): Promise<Leaders> {
    const topics = [...new Set(partitions.map(({ topic }) => topic))];
    const { brokers, topics: found } = await this.#metadata(topics);
    if (brokers.length > 0) this.#brokers = new Map(brokers.map((broker) => [broker.nodeId, broker]));
    const leaders = new Map<string, number>();
    const missing: string[] = [];
    for (const topic of found) {
      if (topic.errorCode === errorCode.unknownTopicOrPartition) missing.push(topic.topic);
      for (const { partition, leader } of topic.partitions) {
        if (this.#brokers.has(leader)) leaders.set(`${topic.topic}/${partition}`, leader);
      }
      const known = new Set(topic.partitions.map(({ partition }) => partition));
      for (const asked of partitions) {
        if (asked.topic === topic.topic && topic.errorCode === errorCode.none && !known.has(asked.partition)) {
          missing.push(`${asked.topic}/${asked.partition}`);
        }
      }
    }
    return { of: ({ topic, partition }) => leaders.get(`${topic}/${partition}`), missing };
  }

  /** Raises the epoch of a transactional id, at its coordinator wherever that is by now; keeps trying until `deadlineMs` (of `performance.now`). */
  async initProducerId(transactionalId: string, transactionTimeoutMs: number, deadlineMs: number): Promise<ProducerId> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#tryInitProducerId(transactionalId, transactionTimeoutMs);
      if (!(answer instanceof Error)) return answer;
      if (performance.now() > deadlineMs || this.#closed) {
        throw new PlatformError(
          'engine-unreachable',
          `Kafka gave no producer id for ${transactionalId}: ${answer.message}`,
          {
            cause: answer,
          },
        );
      }
      this.#logger.debug({ err: answer, attempt }, 'No producer id yet');
      await sleep(backoffDelayMs(attempt, backoff));
    }
  }

  /** A new connection to the broker that keeps the group now. Rejects where there is none yet: try again. */
  async groupCoordinator(group: string): Promise<Connection> {
    const coordinator = decodeCoordinator(await this.#ask(findCoordinatorRequest(group, 'group')));
    if (coordinator.errorCode === errorCode.none) return this.#open(coordinator);
    throw new PlatformError(
      'engine-unreachable',
      `No broker keeps group ${group}: ${errorName(coordinator.errorCode)}.`,
    );
  }

  async #tryInitProducerId(transactionalId: string, timeoutMs: number): Promise<ProducerId | Error> {
    let connection: Connection | null = null;
    try {
      const coordinator = decodeCoordinator(
        await this.#ask(findCoordinatorRequest(transactionalId, 'transactional-id')),
      );
      if (coordinator.errorCode === errorCode.none) {
        connection = await this.#open(coordinator);
        const request = initProducerIdRequest(transactionalId, timeoutMs);
        const answer = decodeProducerId(await connection.request(request, this.#options.requestTimeoutMs));
        if (answer.errorCode === errorCode.none) return answer;
        if (!isRetriable(answer.errorCode)) throw refused(transactionalId, answer.errorCode);
        return new Error(errorName(answer.errorCode));
      }
      if (!isRetriable(coordinator.errorCode)) throw refused(transactionalId, coordinator.errorCode);
      return new Error(errorName(coordinator.errorCode));
    } catch (error) {
      if (error instanceof PlatformError && error.kind === 'internal') throw error;
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      connection?.destroy('Done.');
    }
  }

  /** Ids of the cluster and the topic. Throws `topic-missing`. */
  async identity(topic: string): Promise<string> {
    return decodeTopicIdentity(await this.#ask(topicIdentityRequest(topic)), topic);
  }

  close(): void {
    this.#closed = true;
    const control = this.#control;
    this.#control = null;
    control?.then(
      (connection) => connection.destroy('The client was closed.'),
      () => undefined,
    );
  }

  async #metadata(topics: readonly string[]): Promise<Metadata> {
    return decodeMetadata(await this.#ask(metadataRequest(topics)));
  }

  /** Asks any broker, trying each once. */
  async #ask(request: WireRequest): Promise<Buffer> {
    let last: unknown = null;
    for (let tries = this.#bootstrap.length + this.#brokers.size + 1; tries > 0; tries--) {
      if (this.#closed) throw new PlatformError('internal', 'The Kafka client is closed.');
      const control = (this.#control ??= this.#openAny());
      try {
        const connection = await control;
        return await connection.request(request, this.#options.requestTimeoutMs);
      } catch (error) {
        last = error;
        if (this.#control === control) this.#control = null;
      }
    }
    const message = last instanceof Error ? last.message : String(last);
    throw new PlatformError(
      'engine-unreachable',
      `No Kafka broker answers at ${this.#options.brokers.join(', ')}: ${message}`,
      {
        cause: last,
      },
    );
  }

  #openAny(): Promise<Connection> {
    const known = [...this.#bootstrap, ...this.#brokers.values()];
    const address = known[this.#nextBootstrap++ % known.length];
    if (address === undefined)
      return Promise.reject(new PlatformError('config-invalid', 'No Kafka broker is configured.'));
    return this.#open(address);
  }

  async #open(address: Address): Promise<Connection> {
    return new Connection(await openSocket(address, this.#options), this.#options.clientId);
  }
}

function refused(transactionalId: string, code: number): PlatformError {
  return new PlatformError('internal', `Kafka refused a producer id for ${transactionalId}: ${errorName(code)}.`);
}
