import { PlatformError } from '@millrace/kernel/errors';

/** Confluent wire format: a zero byte, the schema id (big endian), then the Avro body. */
export const HEADER_BYTES = 5;

/** Throws `record-malformed` where the value isn't in that format. */
export function schemaIdOf(value: Uint8Array): number {
  if (value.length < HEADER_BYTES || value[0] !== 0) {
    throw new PlatformError('record-malformed', 'value is not in the Confluent wire format (0x00, schema id, Avro)');
  }
  return (((value[1] ?? 0) << 24) | ((value[2] ?? 0) << 16) | ((value[3] ?? 0) << 8) | (value[4] ?? 0)) >>> 0;
}

export function framed(schemaId: number, body: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  out[0] = 0;
  out.writeUInt32BE(schemaId, 1);
  out.set(body, HEADER_BYTES);
  return out;
}
