import { crc32c } from '@millrace/kernel/checksum';
import type { SnapshotBytes } from './disk.ts';

/** A snapshot is frames one after another: length (4 bytes), CRC-32C of what follows (4), kind (1), content. */
export type FrameKind = 'head' | 'values' | 'end';

const HEAD_BYTES = 8;
/** Far above what is written: a length beyond it is damage. */
const MOST_BYTES = 256 * 1024 * 1024;
const kinds: readonly FrameKind[] = ['head', 'values', 'end'];

/** Why a snapshot cannot be believed. */
export class DoubtfulSnapshot extends Error {
  override readonly name = 'DoubtfulSnapshot';
}

export function frameOf(kind: FrameKind, content: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + 1 + content.length);
  frame.writeUInt32LE(content.length + 1, 0);
  frame.writeUInt8(kinds.indexOf(kind), HEAD_BYTES);
  content.copy(frame, HEAD_BYTES + 1);
  frame.writeUInt32LE(crc32c(frame.subarray(HEAD_BYTES)), 4);
  return frame;
}

/** Null at the end of the file. Throws `DoubtfulSnapshot` for what is cut or damaged. */
export async function readFrame(bytes: SnapshotBytes): Promise<{ kind: FrameKind; content: Buffer } | null> {
  const head = await bytes.read(HEAD_BYTES);
  if (head.length === 0) return null;
  const length = head.length < HEAD_BYTES ? 0 : head.readUInt32LE(0);
  if (length < 1 || length > MOST_BYTES) throw new DoubtfulSnapshot('it is cut or damaged');
  const body = await bytes.read(length);
  if (body.length < length) throw new DoubtfulSnapshot('it is cut');
  if (crc32c(body) !== head.readUInt32LE(4)) throw new DoubtfulSnapshot('it is damaged: a checksum differs');
  const kind = kinds[body.readUInt8(0)];
  if (kind === undefined) throw new DoubtfulSnapshot('it has a part of an unknown kind');
  return { kind, content: body.subarray(1) };
}
