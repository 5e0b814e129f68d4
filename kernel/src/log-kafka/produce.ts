import type { TopicPartition } from '../log/index.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import type { WireRequest } from './connection.ts';

export interface EncodedBatch extends TopicPartition {
  readonly encoded: Buffer;
}

export interface ProducedBatch extends TopicPartition {
  readonly errorCode: number;
  /** −1 where the broker does not know it (an old duplicate). */
  readonly baseOffset: bigint;
  readonly logStartOffset: bigint;
}

/** Produce v7, acks=all, not transactional. The batches' buffers are sent as they are, uncopied. One batch per partition. */
export function produceRequest(batches: readonly EncodedBatch[], timeoutMs: number): WireRequest {
  const byTopic = new Map<string, EncodedBatch[]>();
  for (const batch of batches) {
    const list = byTopic.get(batch.topic);
    if (list === undefined) byTopic.set(batch.topic, [batch]);
    else list.push(batch);
  }
  const writer = new ByteWriter(64 + batches.length * 32);
  const body: Buffer[] = [];
  writer.string(null).int16(-1).int32(timeoutMs).int32(byTopic.size);
  for (const [topic, list] of byTopic) {
    writer.string(topic).int32(list.length);
    for (const { partition, encoded } of list) {
      body.push(writer.int32(partition).int32(encoded.length).take(), encoded);
    }
  }
  return { apiKey: 0, apiVersion: 7, body };
}

export function decodeProduce(answer: Buffer): ProducedBatch[] {
  const reader = new ByteReader(answer);
  const produced: ProducedBatch[] = [];
  reader.array(() => {
    const topic = reader.string();
    reader.array(() => {
      const partition = reader.int32();
      const errorCode = reader.int16();
      const baseOffset = reader.int64();
      reader.int64(); // append time
      produced.push({ topic, partition, errorCode, baseOffset, logStartOffset: reader.int64() });
    });
  });
  return produced;
}
