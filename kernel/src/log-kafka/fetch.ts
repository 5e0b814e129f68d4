import type { ReadRequest, TopicPartition } from '../log/index.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import type { WireRequest } from './connection.ts';

export interface FetchLimits {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  /** Of one partition. */
  readonly maxPartitionBytes: number;
}

export interface FetchedPartition extends TopicPartition {
  readonly errorCode: number;
  readonly highWatermark: bigint;
  readonly logStartOffset: bigint;
  /** Record batches as a view into the answer; the last may be cut. */
  readonly records: Buffer;
}

/** Fetch v11 without a fetch session. The broker fills partitions in the order given until `maxBytes`, at least one batch. */
export function fetchRequest(requests: readonly ReadRequest[], limits: FetchLimits): WireRequest {
  const byTopic = new Map<string, ReadRequest[]>();
  for (const request of requests) {
    const list = byTopic.get(request.topic);
    if (list === undefined) byTopic.set(request.topic, [request]);
    else list.push(request);
  }
  const writer = new ByteWriter(64 + requests.length * 40);
  writer.int32(-1).int32(limits.maxWaitMs).int32(limits.minBytes).int32(limits.maxBytes);
  writer.int8(0).int32(0).int32(-1); // read uncommitted; no session
  writer.int32(byTopic.size);
  for (const [topic, list] of byTopic) {
    writer.string(topic).array(list, ({ partition, offset }) => {
      writer.int32(partition).int32(-1).int64(offset).int64(-1n).int32(limits.maxPartitionBytes);
    });
  }
  writer.int32(0).string(''); // nothing forgotten; no rack
  return { apiKey: 1, apiVersion: 11, body: [writer.take()] };
}

export interface FetchAnswer {
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

export function decodeFetch(answer: Buffer): FetchAnswer {
  const reader = new ByteReader(answer);
  reader.int32(); // throttle time: the broker mutes the connection for it
  const errorCode = reader.int16();
  reader.int32(); // session
  const partitions: FetchedPartition[] = [];
  reader.array(() => {
    const topic = reader.string();
    reader.array(() => {
      const partition = reader.int32();
      const code = reader.int16();
      const highWatermark = reader.int64();
      reader.int64(); // last stable offset
      const logStartOffset = reader.int64();
      reader.array(() => [reader.int64(), reader.int64()]); // aborted transactions
      reader.int32(); // preferred replica
      partitions.push({ topic, partition, errorCode: code, highWatermark, logStartOffset, records: reader.bytes() });
    });
  });
  return { errorCode, partitions };
}
