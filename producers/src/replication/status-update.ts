import type { Lsn } from '@millrace/kernel/position';
import { POSTGRES_EPOCH_US } from '../pgoutput/index.ts';

/** A standby status update. All three positions are the acknowledged one: we claim to have received nothing that the log does not hold. */
export function statusUpdate(acknowledged: Lsn, nowMs: number): Buffer {
  const message = Buffer.alloc(34);
  message[0] = 0x72;
  message.writeBigUInt64BE(acknowledged, 1);
  message.writeBigUInt64BE(acknowledged, 9);
  message.writeBigUInt64BE(acknowledged, 17);
  message.writeBigInt64BE(BigInt(Math.round(nowMs * 1000)) - BigInt(POSTGRES_EPOCH_US), 25);
  return message;
}
