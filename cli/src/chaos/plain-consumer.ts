import { PlatformError, isKind } from '@millrace/kernel/errors';
import type { LogClient, TopicPartition } from '@millrace/kernel/log';
import { sleep } from '@millrace/kernel/retry';
import { createChangeDecoder } from '@millrace/schemas/cdc';
import type { Change } from '@millrace/schemas/cdc';
import { isOwnKey } from '@millrace/schemas/markers';
import type { SchemaRegistry } from '@millrace/schemas/registry';

/** A record as any consumer gets it: bytes are the consumer's to keep. */
export interface PlainRecord extends TopicPartition {
  readonly offset: bigint;
  readonly key: string;
  readonly value: Buffer | null;
  readonly headers: ReadonlyMap<string, string>;
}

const POLL_MS = 200;
const RETRY_MS = 200;

/**
 * Reads partitions from a start as a program would that knows nothing of Millrace: uncommitted, record after record, no positions; it only skips
 * the keys that begin with `_`. Goes on where it was when the log was away.
 */
export class PlainConsumer {
  readonly #log: LogClient;
  readonly #onRecord: (record: PlainRecord) => void | Promise<void>;
  readonly #next = new Map<string, TopicPartition & { offset: bigint }>();
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(log: LogClient, onRecord: (record: PlainRecord) => void | Promise<void>) {
    this.#log = log;
    this.#onRecord = onRecord;
  }

  start(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      this.#next.set(`${topic}/${partition}`, { topic, partition, offset: 0n });
    }
    this.#running = this.#run();
    this.#running.catch((error: unknown) => {
      this.#failure = { error };
    });
  }

  /** Throws what ended the reading, if something has. */
  check(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Rejects where a record could not be taken. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Resolves when it has read all that the log held at the call. */
  async caughtUp(timeoutMs: number): Promise<void> {
    const ends = new Map<string, bigint>();
    for (const topic of new Set([...this.#next.values()].map((next) => next.topic))) {
      for (const { partition, end } of await this.#log.admin.offsets(topic)) ends.set(`${topic}/${partition}`, end);
    }
    const deadlineMs = performance.now() + timeoutMs;
    const behind = () => [...this.#next].filter(([name, { offset }]) => offset < (ends.get(name) ?? 0n));
    while (behind().length > 0) {
      if (performance.now() > deadlineMs) {
        throw new PlatformError(
          'internal',
          `the consumer did not reach the end of ${behind()
            .map(([name]) => name)
            .join()}`,
        );
      }
      this.check();
      await sleep(20);
    }
  }

  /** A method, because the compiler does not see that it changes meanwhile. */
  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #run(): Promise<void> {
    while (!this.#stopped()) {
      const reader = this.#log.createReader();
      try {
        reader.assign([...this.#next.values()]);
        for (;;) {
          this.#stop.signal.throwIfAborted();
          for (const batch of await reader.poll(POLL_MS, this.#stop.signal)) {
            const { topic, partition } = batch;
            const next = { topic, partition, offset: batch.nextOffset };
            this.#next.set(`${topic}/${partition}`, next);
            for (const { offset, key, value, headers } of batch.records) {
              // What has been given is not given again, whatever happens in between.
              next.offset = offset + 1n;
              if (key === null || isOwnKey(key)) continue;
              await this.#onRecord({
                topic,
                partition,
                offset,
                key: key.toString(),
                value: value === null ? null : Buffer.from(value),
                headers: new Map((headers ?? []).map(([name, bytes]) => [name, bytes.toString()])),
              });
            }
            next.offset = batch.nextOffset;
          }
        }
      } catch (error) {
        if (this.#stopped()) return;
        if (!isKind(error, 'engine-unreachable')) throw error;
        await sleep(RETRY_MS);
      } finally {
        await reader.close();
      }
    }
  }
}

/** Decodes changes, their schemas fetched as they come. */
export function plainDecoder(registry: SchemaRegistry): (value: Buffer) => Promise<Change> {
  const decoder = createChangeDecoder(registry);
  return async (value) => {
    try {
      return decoder.decode(value);
    } catch (error) {
      if (!isKind(error, 'schema-unknown')) throw error;
      await decoder.prepare(value);
      return decoder.decode(value);
    }
  };
}
