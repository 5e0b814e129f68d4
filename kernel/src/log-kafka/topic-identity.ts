import { PlatformError } from '../errors/index.ts';
import type { WireRequest } from './connection.ts';
import { errorCode, errorName } from './error-codes.ts';

const API_KEY = 3;
/** Metadata of the first version that may be asked by name and tells ids: Kafka 3.0. */
const API_VERSION = 12;
const ID_BYTES = 16;

/** Metadata v12 of one topic; never creates it. Its header has tagged fields, none, which precede the body here. */
export function topicIdentityRequest(topic: string): WireRequest {
  const name = Buffer.from(topic);
  const head = Buffer.from([0 /* tagged fields of the header */, 2 /* one topic */]);
  const length = Buffer.from(unsigned(name.length + 1));
  // The topic's tagged fields; not to be created; no authorized operations; tagged fields.
  const rest = Buffer.from([0, 0, 0, 0]);
  return { apiKey: API_KEY, apiVersion: API_VERSION, body: [head, Buffer.alloc(ID_BYTES), length, name, rest] };
}

/** `<cluster id>/<topic id>`. Throws `topic-missing`, or `engine-unreachable` where the broker answers with another error. */
export function decodeTopicIdentity(answer: Buffer, topic: string): string {
  const reader = new CompactReader(answer);
  reader.tags(); // of the header
  reader.skip(4); // throttle time
  for (let brokers = reader.count(); brokers > 0; brokers--) {
    reader.skip(4); // node id
    reader.text(); // host
    reader.skip(4); // port
    reader.text(); // rack
    reader.tags();
  }
  const cluster = reader.text();
  reader.skip(4); // controller
  reader.count(); // topics: the one that was asked for
  const code = reader.int16();
  if (code === errorCode.unknownTopicOrPartition) {
    throw new PlatformError('topic-missing', `There is no topic ${topic}.`);
  }
  if (code !== errorCode.none) {
    throw new PlatformError('engine-unreachable', `Kafka does not tell the id of ${topic}: ${errorName(code)}.`);
  }
  reader.text(); // name
  return `${cluster}/${reader.bytes(ID_BYTES).toString('hex')}`;
}

function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** Kafka's compact types: counts and lengths are unsigned varints, one more than what they count; 0 is null. */
class CompactReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  int16(): number {
    this.#at += 2;
    return this.#buffer.readInt16BE(this.#at - 2);
  }

  bytes(length: number): Buffer {
    this.#at += length;
    return this.#buffer.subarray(this.#at - length, this.#at);
  }

  count(): number {
    return Math.max(0, this.#varint() - 1);
  }

  text(): string {
    return this.bytes(this.count()).toString('utf8');
  }

  /** Tagged fields, left out. */
  tags(): void {
    for (let fields = this.#varint(); fields > 0; fields--) {
      this.#varint(); // tag
      this.skip(this.#varint());
    }
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#buffer.readUInt8(this.#at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}
