import { sleep } from '../retry/index.ts';
import { PlatformError } from '../errors/index.ts';
import { Arrival } from './arrival.ts';
import type { FetchedBatch, LogClient, LogReader, ReadRequest, RecordView, TopicPartition } from './port.ts';

export interface SharedReaderOptions {
  /** Least ms between two reads that brought something; 0 reads as soon as there is something. */
  readonly everyMs?: number;
}

/** Where the shared reader stands in a partition, and for whom. */
interface Followed extends TopicPartition {
  offset: bigint;
  readonly members: Set<Member>;
}

/** Longest wait for data; nothing depends on it. */
const POLL_MS = 1_000;
const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/**
 * Many readers of the same partitions at the cost of one: what one fetch brings goes to each of them, from the offset where it stands.
 *
 * `createReader` gives ordinary readers, with all guarantees of the port. Each reads a partition by itself until it has come to the log's end
 * there, and from then on with the others; so one that is far behind holds up nobody, and neither does one that pauses (it leaves, and comes
 * back when it has caught up). All that read together go at the pace of the slowest: the next records are handed out when everyone has come
 * back for more, because records are views that the next read may overwrite. When the shared reader fails, each goes on by itself.
 */
export class SharedReader {
  readonly #client: Pick<LogClient, 'createReader'>;
  readonly #everyMs: number;
  readonly #followed = new Map<string, Followed>();
  readonly #members = new Set<Member>();
  /** While anyone follows anything. */
  #reader: LogReader | null = null;
  /** Members that have not come back since they were given something. */
  readonly #away = new Set<Member>();
  #back: (() => void) | null = null;

  constructor(client: Pick<LogClient, 'createReader'>, { everyMs = 0 }: SharedReaderOptions = {}) {
    this.#client = client;
    this.#everyMs = everyMs;
  }

  createReader(): LogReader {
    const member = new Member(this.#client.createReader(), {
      follow: (member, partition, offset) => this.#follow(member, partition, offset),
      leave: (member, partition) => {
        this.#leave(member, partition);
      },
      back: (member) => {
        this.#isBack(member);
      },
      closed: (member) => this.#forget(member),
    });
    this.#members.add(member);
    return member;
  }

  /** False where the member is behind the others: it must catch up first. */
  #follow(member: Member, { topic, partition }: TopicPartition, offset: bigint): boolean {
    const key = keyOf({ topic, partition });
    const followed = this.#followed.get(key);
    if (followed !== undefined) {
      if (offset < followed.offset) return false;
      followed.members.add(member);
      return true;
    }
    this.#followed.set(key, { topic, partition, offset, members: new Set([member]) });
    this.#shared().assign([{ topic, partition, offset }]);
    return true;
  }

  #leave(member: Member, partition: TopicPartition): void {
    const followed = this.#followed.get(keyOf(partition));
    if (followed?.members.delete(member) !== true || followed.members.size > 0) return;
    this.#followed.delete(keyOf(partition));
    this.#reader?.unassign([followed]);
  }

  #isBack(member: Member): void {
    if (this.#away.delete(member) && this.#away.size === 0) this.#back?.();
  }

  async #forget(member: Member): Promise<void> {
    this.#isBack(member);
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    const reader = this.#reader;
    this.#reader = null;
    await reader?.close();
  }

  #shared(): LogReader {
    if (this.#reader !== null) return this.#reader;
    const reader = this.#client.createReader();
    this.#reader = reader;
    void this.#read(reader);
    return reader;
  }

  async #read(reader: LogReader): Promise<void> {
    while (this.#reader === reader) {
      const batches = await reader.poll(POLL_MS).catch(() => null);
      if (batches === null) {
        // Whoever follows what cannot be read is told by its own reader. Closed by us, it ends here too.
        await this.#scatter(reader);
        return;
      }
      for (const batch of batches) this.#handOut(batch);
      if (this.#away.size > 0) await new Promise<void>((resolve) => (this.#back = resolve));
      if (batches.length > 0 && this.#everyMs > 0) await sleep(this.#everyMs);
    }
  }

  async #scatter(reader: LogReader): Promise<void> {
    if (this.#reader !== reader) return;
    this.#reader = null;
    this.#followed.clear();
    for (const member of this.#members) member.goAlone();
    await reader.close();
  }

  #handOut(batch: FetchedBatch): void {
    const followed = this.#followed.get(keyOf(batch));
    if (followed === undefined) return;
    const from = followed.offset;
    followed.offset = batch.nextOffset;
    for (const member of followed.members) if (member.take(batch, from)) this.#away.add(member);
  }
}

interface Hub {
  follow(member: Member, partition: TopicPartition, offset: bigint): boolean;
  leave(member: Member, partition: TopicPartition): void;
  back(member: Member): void;
  closed(member: Member): Promise<void>;
}

class Member implements LogReader {
  readonly #own: LogReader;
  readonly #hub: Hub;
  /** Partitions read by itself. */
  readonly #alone = new Set<string>();
  /** Partitions read with the others, and the offset it goes on from. */
  readonly #together = new Map<string, bigint>();
  readonly #closed = new AbortController();
  #arrived: FetchedBatch[] = [];
  #readingAlone = false;
  #failure: { readonly error: unknown } | null = null;
  readonly #arrival = new Arrival();

  constructor(own: LogReader, hub: Hub) {
    this.#own = own;
    this.#hub = hub;
  }

  assign(requests: readonly ReadRequest[]): void {
    for (const request of requests) {
      this.#leave(request);
      this.#alone.add(keyOf(request));
    }
    this.#own.assign(requests);
    this.#arrival.wake();
  }

  unassign(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      this.#leave(partition);
      this.#alone.delete(keyOf(partition));
    }
    this.#own.unassign(partitions);
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const offset = this.#together.get(keyOf({ topic, partition }));
      if (offset !== undefined) this.assign([{ topic, partition, offset }]);
    }
    this.#own.pause(partitions);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#own.resume(partitions);
  }

  async poll(maxWaitMs: number, signal?: AbortSignal): Promise<readonly FetchedBatch[]> {
    const deadlineMs = performance.now() + maxWaitMs;
    if (this.#arrived.length === 0) this.#hub.back(this);
    for (let waited = false; ; waited = true) {
      if (this.#closed.signal.aborted) throw new PlatformError('internal', 'The reader is closed.');
      this.#throwFailure();
      const leftMs = deadlineMs - performance.now();
      if (this.#arrived.length > 0 || signal?.aborted === true || (waited && leftMs <= 0)) {
        return this.#arrived.splice(0);
      }
      if (this.#alone.size > 0 && !this.#readingAlone) void this.#readAlone(leftMs <= 0 ? 0 : POLL_MS);
      await this.#arrival.wait(Math.max(0, leftMs), signal);
    }
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    for (const key of [...this.#together.keys()]) this.#leave(partitionOf(key));
    this.#arrival.wake();
    await this.#own.close();
    await this.#hub.closed(this);
  }

  /** What the others read too, which began at `from`. False where it has all of that already. */
  take(batch: FetchedBatch, from: bigint): boolean {
    const offset = this.#together.get(keyOf(batch));
    if (offset === undefined || batch.nextOffset <= offset) return false;
    this.#together.set(keyOf(batch), batch.nextOffset);
    this.#arrived.push(offset > from ? { ...batch, records: recordsFrom(batch.records, offset) } : batch);
    this.#arrival.wake();
    return true;
  }

  /** The others are no more: reads everything by itself, from where it stands. */
  goAlone(): void {
    const requests = [...this.#together].map(([key, offset]) => ({ ...partitionOf(key), offset }));
    this.#together.clear();
    this.assign(requests);
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure.error;
  }

  #leave(partition: TopicPartition): void {
    if (this.#together.delete(keyOf(partition))) this.#hub.leave(this, partition);
  }

  async #readAlone(maxWaitMs: number): Promise<void> {
    this.#readingAlone = true;
    try {
      for (const batch of await this.#own.poll(maxWaitMs, this.#closed.signal)) {
        if (!this.#alone.has(keyOf(batch))) continue;
        this.#arrived.push(batch);
        if (batch.nextOffset >= batch.highWatermark && this.#hub.follow(this, batch, batch.nextOffset)) {
          this.#alone.delete(keyOf(batch));
          this.#own.unassign([batch]);
          this.#together.set(keyOf(batch), batch.nextOffset);
        }
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#readingAlone = false;
      this.#arrival.wake();
    }
  }
}

function partitionOf(key: string): TopicPartition {
  const slash = key.lastIndexOf('/');
  return { topic: key.slice(0, slash), partition: Number(key.slice(slash + 1)) };
}

function* recordsFrom(records: Iterable<RecordView>, offset: bigint): Generator<RecordView> {
  for (const record of records) if (record.offset >= offset) yield record;
}
