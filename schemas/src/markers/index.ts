import type { LogRecord } from '@millrace/kernel/log';
import type { AppliedPosition } from '@millrace/kernel/position';
import { avroType, framed } from '../avro/index.ts';
import { HEADER_BYTES } from '../avro/index.ts';
import { position } from '../avro/types.ts';

/** Records that are ours: their keys begin with `_`, other readers skip them. */
export const OWN_KEY_PREFIX = 0x5f;
export const WATERMARK_KEY = '_watermark';
export const BARRIER_KEY = '_barrier';

/** "Every commit at or below `lsn` that belongs in this partition is in it; the newest one seen committed at `ts_us`." */
export const watermarkSchema = {
  type: 'record',
  name: 'Watermark',
  namespace: 'millrace',
  fields: [
    { name: 'lsn', type: position },
    { name: 'ts_us', type: 'long' },
  ],
} as const;

/** Written by a writer when it takes over a log: everything before it is final. */
export const barrierSchema = {
  type: 'record',
  name: 'Barrier',
  namespace: 'millrace',
  fields: [
    { name: 'writer', type: 'string' },
    { name: 'epoch', type: 'int' },
  ],
} as const;

const watermarkType = avroType(watermarkSchema as never);
const barrierType = avroType(barrierSchema as never);
const watermarkKey = Buffer.from(WATERMARK_KEY);
const barrierKey = Buffer.from(BARRIER_KEY);

export function isOwnKey(key: Uint8Array | null): boolean {
  return key !== null && key[0] === OWN_KEY_PREFIX;
}

export function isWatermarkKey(key: Uint8Array | null): boolean {
  return key !== null && watermarkKey.equals(key);
}

export function isBarrierKey(key: Uint8Array | null): boolean {
  return key !== null && barrierKey.equals(key);
}

export function watermarkRecord(schemaId: number, applied: AppliedPosition): LogRecord {
  return {
    key: watermarkKey,
    value: framed(schemaId, watermarkType.toBuffer({ lsn: applied.lsn, ts_us: applied.tsUs })),
  };
}

export function readWatermark(value: Buffer): AppliedPosition {
  const decoded = watermarkType.fromBuffer(value.subarray(HEADER_BYTES)) as { lsn: bigint; ts_us: number };
  return { lsn: decoded.lsn, tsUs: decoded.ts_us };
}

export function barrierRecord(schemaId: number, writer: string, epoch: number): LogRecord {
  return { key: barrierKey, value: framed(schemaId, barrierType.toBuffer({ writer, epoch })) };
}

export function readBarrier(value: Buffer): { writer: string; epoch: number } {
  const { writer, epoch } = barrierType.fromBuffer(value.subarray(HEADER_BYTES)) as { writer: string; epoch: number };
  return { writer, epoch };
}
