import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { WriteQueue } from './write-queue.ts';

/** Before each message: its length and the caller's stamp, 32 bits each, big endian. */
const HEAD_BYTES = 8;
/** A transaction keeps this much in memory at most; the rest is in its file. */
const CHUNK_BYTES = 262_144;
const FIRST_BYTES = 16_384;

/** Walks through whole messages that are in memory. What it shows is valid until it is moved on, or the next part is asked for. */
export class SpooledMessages {
  readonly buffer: Buffer;
  readonly #filled: number;
  /** The message is `buffer` from `start` to `end`. */
  start = 0;
  end = 0;
  stamp = 0;

  constructor(buffer: Buffer, filled: number) {
    this.buffer = buffer;
    this.#filled = filled;
  }

  /** Moves to the next message (the first, at first); false where there is none. */
  next(): boolean {
    if (this.end >= this.#filled) return false;
    const length = this.buffer.readUInt32BE(this.end);
    this.stamp = this.buffer.readUInt32BE(this.end + 4);
    this.start = this.end + HEAD_BYTES;
    this.end = this.start + length;
    return true;
  }
}

/** What is done to a spool's file. */
export type SpoolHandle = Pick<FileHandle, 'read' | 'write' | 'close'>;

/** Makes a file that is not there yet; never opens one that is. */
export type OpenSpoolFile = (path: string) => Promise<SpoolHandle>;

export const openOnDisk: OpenSpoolFile = (path) => open(path, 'wx+', 0o600);

/**
 * The messages of one transaction in progress, in the order they came. What is small stays in memory; the rest goes to the file in chunks, each
 * at its own place, so that what is cut off is simply written over.
 *
 * A subtransaction that is rolled back takes everything since its first message with it: until its end nothing but itself and what it contains
 * can have written.
 */
export class SpoolFile {
  readonly #path: string;
  readonly #writes: WriteQueue;
  readonly #open: OpenSpoolFile;
  /** Where each (sub)transaction's first message begins, in that order. */
  readonly #parts: { readonly xid: number; readonly offset: number }[] = [];
  readonly #known = new Set<number>();
  #lastXid = 0;
  #handle: SpoolHandle | null = null;
  #chunk: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #chunkOffset = 0;
  #chunkLength = 0;
  #dropped = false;

  constructor(path: string, writes: WriteQueue, openFile: OpenSpoolFile) {
    this.#path = path;
    this.#open = openFile;
    this.#writes = writes;
  }

  get bytes(): number {
    return this.#chunkOffset + this.#chunkLength;
  }

  /** Takes a copy of `message` from `start` on. `xid` is the (sub)transaction that wrote it. */
  append(xid: number, message: Buffer, start: number, stamp: number): void {
    if (xid !== this.#lastXid) {
      this.#lastXid = xid;
      if (!this.#known.has(xid)) {
        this.#known.add(xid);
        this.#parts.push({ xid, offset: this.bytes });
      }
    }
    const length = message.length - start;
    this.#reserve(HEAD_BYTES + length);
    const at = this.#chunk.writeUInt32BE(length, this.#chunkLength);
    this.#chunkLength = this.#chunk.writeUInt32BE(stamp, at);
    message.copy(this.#chunk, this.#chunkLength, start);
    this.#chunkLength += length;
  }

  /** Forgets what a subtransaction and everything after its first message wrote. One that wrote nothing is not known: nothing changes. */
  cut(xid: number): void {
    if (!this.#known.has(xid)) return;
    // The last ones are those that are rolled back.
    const index = this.#parts.findLastIndex((part) => part.xid === xid);
    const offset = this.#parts[index]?.offset ?? 0;
    for (const part of this.#parts.splice(index)) this.#known.delete(part.xid);
    this.#lastXid = 0;
    if (offset >= this.#chunkOffset) this.#chunkLength = offset - this.#chunkOffset;
    else {
      this.#chunkOffset = offset;
      this.#chunkLength = 0;
    }
  }

  /** All messages, part by part; nothing may be appended while it is read. Throws where what was to be written is not there. */
  async *read(): AsyncGenerator<SpooledMessages> {
    const end = this.bytes;
    if (this.#chunkOffset === 0) {
      yield new SpooledMessages(this.#chunk, end);
      return;
    }
    this.#writeChunk();
    if (!(await this.#writes.settled()) || this.#handle === null) throw new Error('the spool could not be written');
    let buffer: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    let filled = 0;
    for (let offset = 0; offset < end;) {
      const wanted = Math.min(buffer.length - filled, end - offset);
      const { bytesRead } = await this.#handle.read(buffer, filled, wanted, offset);
      if (bytesRead === 0) throw new Error(`the spool's file ends at ${offset} instead of ${end}`);
      offset += bytesRead;
      filled += bytesRead;
      const whole = wholeBytes(buffer, filled);
      if (whole > 0) yield new SpooledMessages(buffer, whole);
      else if (filled === buffer.length) buffer = grown(buffer, buffer.length * 2);
      buffer.copyWithin(0, whole, filled);
      filled -= whole;
    }
    if (filled > 0) throw new Error("the spool's file ends inside a message");
  }

  /** Gives the file back. What is being read or written may go on until it is done. */
  drop(): void {
    this.#dropped = true;
    this.#chunk = Buffer.alloc(0);
    const giveBack = async (): Promise<void> => {
      if (this.#handle === null) return;
      await this.#handle.close();
      await rm(this.#path, { force: true });
    };
    this.#writes.add(0, giveBack, true);
  }

  #reserve(bytes: number): void {
    if (this.#chunkLength + bytes <= this.#chunk.length) return;
    if (this.#chunkLength + bytes > CHUNK_BYTES && this.#chunkLength > 0) this.#writeChunk();
    if (this.#chunkLength + bytes <= this.#chunk.length) return;
    // A message larger than a chunk gets one of its own.
    const size = Math.max(bytes + this.#chunkLength, Math.min(CHUNK_BYTES, this.#chunk.length * 4));
    this.#chunk = grown(this.#chunk, size);
  }

  #writeChunk(): void {
    const [chunk, length, offset] = [this.#chunk, this.#chunkLength, this.#chunkOffset];
    if (length === 0) return;
    this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    this.#chunkOffset += length;
    this.#chunkLength = 0;
    this.#writes.add(length, async () => {
      if (this.#dropped) return;
      // Never over a file that is there: its name is this session's alone.
      this.#handle ??= await this.#open(this.#path);
      for (let written = 0; written < length;) {
        const { bytesWritten } = await this.#handle.write(chunk, written, length - written, offset + written);
        written += bytesWritten;
      }
    });
  }
}

function grown(buffer: Buffer, bytes: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(bytes);
  buffer.copy(larger);
  return larger;
}

/** Bytes of the whole messages that `buffer` begins with. */
function wholeBytes(buffer: Buffer, filled: number): number {
  let at = 0;
  while (at + HEAD_BYTES <= filled) {
    const next = at + HEAD_BYTES + buffer.readUInt32BE(at);
    if (next > filled) break;
    at = next;
  }
  return at;
}
