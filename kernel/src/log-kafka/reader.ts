import { PlatformError } from '../errors/index.ts';
import { Arrival } from '../log/arrival.ts';
import type { FetchedBatch, LogReader, ReadRequest, TopicPartition } from '../log/index.ts';
import { backoffDelayMs } from '../retry/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { BatchRecords, scanBatches } from './batch-decoder.ts';
import type { Cluster } from './cluster.ts';
import type { Connection } from './connection.ts';
import { errorCode, errorName, isRetriable } from './error-codes.ts';
import { decodeFetch, fetchRequest, type FetchLimits, type FetchedPartition } from './fetch.ts';

/** One assigned partition. Assigning it anew replaces the object, so that an answer to the old one is recognised and dropped. */
interface Position extends TopicPartition {
  offset: bigint;
  paused: boolean;
  leader: number | null;
  inFlight: boolean;
  /** Fetched and not yet handed out: the partition is not fetched again before. */
  buffered: FetchedBatch | null;
}

/** One connection to one broker, with at most one fetch in flight (a broker works on a connection's requests one by one). */
interface Lane {
  readonly nodeId: number;
  connection: Connection | null;
  busy: boolean;
}

const backoff = { initialMs: 20, maxMs: 1_000, jitter: 0.5 };
const maxLanes = 4;
/** Looks at metadata before a partition counts as missing: a new topic takes a moment to be known everywhere. */
const missingLooks = 5;
const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/**
 * Fetches ahead by one: as a poll hands out records, the next fetch for all partitions goes out. A partition that becomes fetchable while
 * that one waits (resumed, assigned) gets a further connection, so it does not wait for the others' long poll. A paused partition is still
 * fetched until it has one answer in hand, and resumes with that at once.
 */
export class KafkaReader implements LogReader {
  readonly #cluster: Cluster;
  readonly #logger: Logger;
  readonly #limits: FetchLimits;
  /** In the order to fetch: who gave data goes to the end, so that no partition starves when `maxBytes` cuts an answer. */
  readonly #positions = new Map<string, Position>();
  readonly #lanes: Lane[] = [];
  /** Thrown by the next poll, unless it is about a position given up meanwhile. */
  #failure: { readonly error: PlatformError; readonly of: Position | null } | null = null;
  #failures = 0;
  #looks = 0;
  #retryAtMs = 0;
  #finding = false;
  #closed = false;
  readonly #arrival = new Arrival();

  constructor(cluster: Cluster, logger: Logger, limits: FetchLimits) {
    this.#cluster = cluster;
    this.#logger = logger;
    this.#limits = limits;
  }

  assign(requests: readonly ReadRequest[]): void {
    for (const { topic, partition, offset } of requests) {
      const key = keyOf({ topic, partition });
      const old = this.#positions.get(key);
      const paused = old?.paused ?? false;
      const leader = old?.leader ?? null;
      this.#positions.set(key, { topic, partition, offset, paused, leader, inFlight: false, buffered: null });
    }
    this.#arrival.wake();
  }

  unassign(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#positions.delete(keyOf(partition));
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      const position = this.#positions.get(keyOf(partition));
      if (position !== undefined) position.paused = true;
    }
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      const position = this.#positions.get(keyOf(partition));
      if (position !== undefined) position.paused = false;
    }
    this.#arrival.wake();
  }

  async poll(maxWaitMs: number, signal?: AbortSignal): Promise<readonly FetchedBatch[]> {
    const deadlineMs = performance.now() + maxWaitMs;
    for (;;) {
      if (this.#closed) throw new PlatformError('internal', 'The reader is closed.');
      this.#throwFailure();
      const batches = this.#handOut();
      this.#fetchAll();
      if (batches.length > 0 || signal?.aborted === true) return batches;
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) return batches;
      // Also the moment when a back-off ends is something to do.
      const backoffMs = this.#retryAtMs - performance.now();
      await this.#arrival.wait(backoffMs > 0 ? Math.min(backoffMs, leftMs) : leftMs, signal);
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const { connection } of this.#lanes) connection?.destroy('The reader was closed.');
    this.#arrival.wake();
    return Promise.resolve();
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure === null) return;
    const { error, of } = failure;
    if (of === null || this.#positions.get(keyOf(of)) === of) throw error;
  }

  #handOut(): FetchedBatch[] {
    const batches: FetchedBatch[] = [];
    for (const [key, position] of [...this.#positions]) {
      const { buffered } = position;
      if (buffered === null || position.paused) continue;
      position.buffered = null;
      position.offset = buffered.nextOffset;
      this.#positions.delete(key);
      this.#positions.set(key, position);
      batches.push(buffered);
    }
    return batches;
  }

  #fetchAll(): void {
    if (performance.now() < this.#retryAtMs) return;
    const byLeader = new Map<number, Position[]>();
    let leaderless = false;
    for (const position of this.#positions.values()) {
      if (position.inFlight || position.buffered !== null) continue;
      if (position.leader === null) {
        leaderless = true;
        continue;
      }
      const list = byLeader.get(position.leader);
      if (list === undefined) byLeader.set(position.leader, [position]);
      else list.push(position);
    }
    if (leaderless && !this.#finding) void this.#findLeaders();
    for (const [leader, positions] of byLeader) {
      const lane = this.#freeLane(leader);
      if (lane !== null) void this.#fetch(lane, positions);
    }
  }

  #freeLane(nodeId: number): Lane | null {
    const lanes = this.#lanes.filter((lane) => lane.nodeId === nodeId);
    const free = lanes.find(({ busy }) => !busy);
    if (free !== undefined) return free;
    if (lanes.length >= maxLanes) return null;
    const lane: Lane = { nodeId, connection: null, busy: false };
    this.#lanes.push(lane);
    return lane;
  }

  async #findLeaders(): Promise<void> {
    this.#finding = true;
    try {
      const wanted = [...this.#positions.values()].filter(({ leader }) => leader === null);
      const leaders = await this.#cluster.leaders(wanted);
      if (leaders.missing.length > 0 && ++this.#looks >= missingLooks) {
        this.#looks = 0;
        this.#fail(new PlatformError('topic-missing', `Kafka has no ${leaders.missing.join(', ')}.`));
      } else if (leaders.missing.length === 0) this.#looks = 0;
      let without = 0;
      for (const position of wanted) {
        position.leader = leaders.of(position) ?? null;
        if (position.leader === null) without++;
      }
      if (without > 0) this.#backOff(new Error(`${without} partitions have no leader`));
    } catch (error) {
      this.#backOff(error);
    } finally {
      this.#finding = false;
      this.#arrival.wake();
    }
  }

  async #fetch(lane: Lane, positions: readonly Position[]): Promise<void> {
    lane.busy = true;
    for (const position of positions) position.inFlight = true;
    try {
      if (lane.connection === null || lane.connection.closed)
        lane.connection = await this.#cluster.connect(lane.nodeId);
      if (this.#closed) {
        lane.connection.destroy('The reader was closed.');
        return;
      }
      const asked = positions.filter((position) => this.#positions.get(keyOf(position)) === position);
      if (asked.length === 0) return;
      const timeoutMs = this.#limits.maxWaitMs + this.#cluster.requestTimeoutMs;
      const answer = decodeFetch(await lane.connection.request(fetchRequest(asked, this.#limits), timeoutMs));
      if (answer.errorCode !== errorCode.none) throw new Error(`Fetch: ${errorName(answer.errorCode)}`);
      this.#failures = 0;
      for (const partition of answer.partitions) this.#take(asked, partition);
    } catch (error) {
      if (!this.#closed) this.#lost(lane, positions, error);
    } finally {
      lane.busy = false;
      for (const position of positions) position.inFlight = false;
      this.#arrival.wake();
    }
  }

  #lost(lane: Lane, positions: readonly Position[], error: unknown): void {
    if (error instanceof PlatformError && error.kind === 'internal') {
      this.#fail(error);
      return;
    }
    lane.connection?.destroy('A fetch failed.');
    lane.connection = null;
    for (const position of positions) position.leader = null;
    this.#backOff(error);
  }

  #take(asked: readonly Position[], fetched: FetchedPartition): void {
    const position = this.#positions.get(keyOf(fetched));
    if (position === undefined || !asked.includes(position)) return;
    if (fetched.errorCode === errorCode.none) {
      this.#buffer(position, fetched);
    } else if (fetched.errorCode === errorCode.offsetOutOfRange) {
      const range = `it begins at ${fetched.logStartOffset.toString()} and ends at ${fetched.highWatermark.toString()}`;
      const message = `Kafka does not hold offset ${position.offset.toString()} of ${keyOf(position)}: ${range}.`;
      this.#fail(new PlatformError('log-offset-out-of-range', message), position);
    } else if (isRetriable(fetched.errorCode)) {
      position.leader = null;
      this.#backOff(new Error(`${keyOf(position)}: ${errorName(fetched.errorCode)}`));
    } else {
      this.#fail(
        new PlatformError('internal', `Kafka refused to read ${keyOf(position)}: ${errorName(fetched.errorCode)}.`),
      );
    }
  }

  #buffer(position: Position, { records, highWatermark }: FetchedPartition): void {
    if (records.length === 0) return;
    const { topic, partition, offset } = position;
    const { starts, nextOffset, byteLength } = scanBatches(records, offset);
    if (nextOffset === offset) return;
    const views = new BatchRecords(records, starts, offset);
    position.buffered = { topic, partition, records: views, nextOffset, highWatermark, byteLength };
  }

  #fail(error: PlatformError, of: Position | null = null): void {
    this.#failure ??= { error, of };
    this.#arrival.wake();
  }

  #backOff(error: unknown): void {
    const delayMs = backoffDelayMs(++this.#failures, backoff);
    this.#retryAtMs = performance.now() + delayMs;
    this.#logger[this.#failures % 10 === 5 ? 'warn' : 'debug'](
      { err: error, delayMs },
      'Reading from Kafka again after a failure',
    );
  }
}
