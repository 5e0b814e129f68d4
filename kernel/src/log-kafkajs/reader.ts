import type { Kafka } from 'kafkajs';
import { PlatformError } from '../errors/index.ts';
import { Arrival } from '../log/arrival.ts';
import type { FetchedBatch, LogReader, ReadRequest, TopicPartition } from '../log/index.ts';
import type { KafkajsAdmin } from './admin.ts';
import { TopicConsumer } from './topic-consumer.ts';

export class KafkajsReader implements LogReader {
  readonly #kafka: Kafka;
  readonly #admin: KafkajsAdmin;
  readonly #limits: { readonly maxBytes: number; readonly minBytes: number };
  readonly #consumers = new Map<string, TopicConsumer>();
  #closed = false;
  readonly #arrival = new Arrival();

  constructor(kafka: Kafka, admin: KafkajsAdmin, limits: { readonly maxBytes: number; readonly minBytes: number }) {
    this.#kafka = kafka;
    this.#admin = admin;
    this.#limits = limits;
  }

  assign(requests: readonly ReadRequest[]): void {
    for (const request of requests) {
      let consumer = this.#consumers.get(request.topic);
      if (consumer === undefined) {
        consumer = new TopicConsumer(this.#kafka, this.#admin, request.topic, this.#limits, () => this.#arrival.wake());
        this.#consumers.set(request.topic, consumer);
      }
      consumer.assign(request);
    }
  }

  unassign(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#consumers.get(topic)?.unassign(partition);
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#consumers.get(topic)?.setPaused(partition, true);
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#consumers.get(topic)?.setPaused(partition, false);
  }

  async poll(maxWaitMs: number, signal?: AbortSignal): Promise<readonly FetchedBatch[]> {
    const deadlineMs = performance.now() + maxWaitMs;
    for (;;) {
      if (this.#closed) throw new PlatformError('internal', 'The reader is closed.');
      for (const consumer of this.#consumers.values()) {
        const { failure } = consumer;
        consumer.failure = null;
        if (failure !== null) throw failure;
      }
      const batches = [...this.#consumers.values()].flatMap((consumer) => consumer.take());
      const leftMs = deadlineMs - performance.now();
      if (batches.length > 0 || leftMs <= 0 || signal?.aborted === true) return batches;
      await this.#arrival.wait(leftMs, signal);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#arrival.wake();
    await Promise.all([...this.#consumers.values()].map((consumer) => consumer.close()));
  }
}
