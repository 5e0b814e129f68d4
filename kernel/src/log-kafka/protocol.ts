import type { WireRequest } from './connection.ts';
import { ByteReader, ByteWriter } from './bytes.ts';

/** Requests and answers other than Produce and Fetch, in the newest versions without tagged fields. */

export interface BrokerAddress {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

export interface TopicMetadata {
  readonly errorCode: number;
  readonly topic: string;
  readonly partitions: readonly { readonly errorCode: number; readonly partition: number; readonly leader: number }[];
}

export interface Metadata {
  readonly brokers: readonly BrokerAddress[];
  readonly topics: readonly TopicMetadata[];
}

/** Metadata v5 of these topics; never creates one. */
export function metadataRequest(topics: readonly string[]): WireRequest {
  const writer = new ByteWriter();
  writer.array(topics, (topic) => writer.string(topic)).int8(0);
  return { apiKey: 3, apiVersion: 5, body: [writer.take()] };
}

export function decodeMetadata(answer: Buffer): Metadata {
  const reader = new ByteReader(answer);
  reader.int32(); // throttle time
  const brokers = reader.array(() => {
    const broker = { nodeId: reader.int32(), host: reader.string(), port: reader.int32() };
    reader.string(); // rack
    return broker;
  });
  reader.string(); // cluster id
  reader.int32(); // controller
  const topics = reader.array(() => {
    const errorCode = reader.int16();
    const topic = reader.string();
    reader.int8(); // internal
    const partitions = reader.array(() => {
      const found = { errorCode: reader.int16(), partition: reader.int32(), leader: reader.int32() };
      for (let lists = 0; lists < 3; lists++) reader.array(() => reader.int32()); // replicas, in sync, offline
      return found;
    });
    return { errorCode, topic, partitions };
  });
  return { brokers, topics };
}

/** FindCoordinator v1, for a group or a transactional id. */
export function findCoordinatorRequest(key: string, of: 'group' | 'transactional-id'): WireRequest {
  return {
    apiKey: 10,
    apiVersion: 1,
    body: [
      new ByteWriter()
        .string(key)
        .int8(of === 'group' ? 0 : 1)
        .take(),
    ],
  };
}

export function decodeCoordinator(answer: Buffer): BrokerAddress & { readonly errorCode: number } {
  const reader = new ByteReader(answer);
  reader.int32(); // throttle time
  const errorCode = reader.int16();
  reader.string(); // message
  return { errorCode, nodeId: reader.int32(), host: reader.string(), port: reader.int32() };
}

/** InitProducerId v1: raises the epoch of the transactional id. */
export function initProducerIdRequest(transactionalId: string, timeoutMs: number): WireRequest {
  return { apiKey: 22, apiVersion: 1, body: [new ByteWriter().string(transactionalId).int32(timeoutMs).take()] };
}

export interface ProducerId {
  readonly errorCode: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

export function decodeProducerId(answer: Buffer): ProducerId {
  const reader = new ByteReader(answer);
  reader.int32(); // throttle time
  return { errorCode: reader.int16(), producerId: reader.int64(), producerEpoch: reader.int16() };
}
