import type { GroupMember } from '../group/index.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import type { WireRequest } from './connection.ts';

/** Kafka's group protocol in the oldest versions that Kafka 4 answers. What members say and are told is our own text: the broker does not look at it. */
const PROTOCOL_TYPE = 'millrace';
const PROTOCOL_NAME = 'tasks-1';

export interface JoinAnswer {
  readonly errorCode: number;
  readonly generation: number;
  readonly leader: string;
  readonly memberId: string;
  /** Only for the leader. */
  readonly members: readonly GroupMember[];
}

export interface JoinContent {
  readonly group: string;
  readonly memberId: string;
  readonly metadata: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

/** JoinGroup v2: answered when every member has joined, or the rebalance timeout has passed. */
export function joinRequest(join: JoinContent): WireRequest {
  const writer = new ByteWriter();
  writer.string(join.group).int32(join.sessionTimeoutMs).int32(join.rebalanceTimeoutMs);
  writer.string(join.memberId).string(PROTOCOL_TYPE);
  writer.array([join.metadata], (metadata) => {
    writer.string(PROTOCOL_NAME);
    text(writer, metadata);
  });
  return { apiKey: 11, apiVersion: 2, body: [writer.take()] };
}

export function decodeJoin(answer: Buffer): JoinAnswer {
  const reader = new ByteReader(answer);
  reader.int32(); // throttle time
  const errorCode = reader.int16();
  const generation = reader.int32();
  reader.string(); // protocol
  const leader = reader.string();
  const memberId = reader.string();
  const members = reader.array(() => ({ id: reader.string(), metadata: reader.bytes().toString('utf8') }));
  return { errorCode, generation, leader, memberId, members };
}

/** SyncGroup v1: the leader says who does what, each is told its part. */
export function syncRequest(
  group: string,
  generation: number,
  memberId: string,
  parts: ReadonlyMap<string, string>,
): WireRequest {
  const writer = new ByteWriter();
  writer.string(group).int32(generation).string(memberId);
  writer.array([...parts], ([id, part]) => {
    writer.string(id);
    text(writer, part);
  });
  return { apiKey: 14, apiVersion: 1, body: [writer.take()] };
}

export function decodeSync(answer: Buffer): { readonly errorCode: number; readonly part: string } {
  const reader = new ByteReader(answer);
  reader.int32(); // throttle time
  return { errorCode: reader.int16(), part: reader.bytes().toString('utf8') };
}

/** Heartbeat v1. */
export function heartbeatRequest(group: string, generation: number, memberId: string): WireRequest {
  const body = [new ByteWriter().string(group).int32(generation).string(memberId).take()];
  return { apiKey: 12, apiVersion: 1, body };
}

/** LeaveGroup v1. */
export function leaveRequest(group: string, memberId: string): WireRequest {
  return { apiKey: 13, apiVersion: 1, body: [new ByteWriter().string(group).string(memberId).take()] };
}

/** Of a heartbeat or a leaving. */
export function decodeError(answer: Buffer): number {
  const reader = new ByteReader(answer);
  reader.int32(); // throttle time
  return reader.int16();
}

function text(writer: ByteWriter, value: string): void {
  const bytes = Buffer.from(value);
  writer.int32(bytes.length);
  for (const byte of bytes) writer.int8(byte > 127 ? byte - 256 : byte);
}
