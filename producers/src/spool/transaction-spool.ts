import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError, asPlatformError } from '@millrace/kernel/errors';
import { SpoolFile, openOnDisk } from './spool-file.ts';
import type { OpenSpoolFile, SpooledMessages } from './spool-file.ts';
import { WriteQueue } from './write-queue.ts';

export interface TransactionSpoolOptions {
  /** This slot's own folder. */
  readonly folder: string;
  /** A name that no other session has: an older one that still runs must find none of its files. */
  readonly session: string;
  readonly maxBytes: number;
  /** The disk does not keep up: nothing more should be appended for a while. */
  readonly onPressure: (pressed: boolean) => void;
  /** The spool is at its end: `spool-full` where there is no room on the disk. */
  readonly onFailure: (error: unknown) => void;
  /** Without, on the disk. */
  readonly openFile?: OpenSpoolFile;
}

/**
 * Keeps transactions in progress, by their number, until they commit or are rolled back. Bounded: on the disk by `maxBytes`, in memory by a
 * chunk per transaction and what waits to be written.
 *
 * It holds nothing that Postgres would not send again: it is emptied when it is opened, and nothing in it is ever acknowledged.
 */
export class TransactionSpool {
  readonly #options: TransactionSpoolOptions;
  readonly #folder: string;
  readonly #writes: WriteQueue;
  readonly #files = new Map<number, SpoolFile>();
  #bytes = 0;

  private constructor(options: TransactionSpoolOptions) {
    this.#options = options;
    this.#folder = join(options.folder, options.session);
    this.#writes = new WriteQueue({
      onPressure: options.onPressure,
      onFailure: (error) => options.onFailure(diskError(error, options.folder)),
    });
  }

  /** Removes what earlier sessions of the slot left. Throws `config-invalid` where the folder cannot be made. */
  static async open(options: TransactionSpoolOptions): Promise<TransactionSpool> {
    const spool = new TransactionSpool(options);
    try {
      await rm(options.folder, { recursive: true, force: true });
      await mkdir(spool.#folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new PlatformError('config-invalid', `SPOOL_FOLDER cannot be used: ${messageOf(error)}`, { cause: error });
    }
    return spool;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get transactions(): number {
    return this.#files.size;
  }

  /** Bytes of one transaction. */
  bytesOf(xid: number): number {
    return this.#files.get(xid)?.bytes ?? 0;
  }

  /**
   * Adds a message, a copy of `message` from `start` on, of the (sub)transaction `part` of `xid`. `stamp` is a number of the caller's that comes
   * back with it. Throws `spool-full`.
   */
  append(xid: number, part: number, message: Buffer, start: number, stamp: number): void {
    if (this.#bytes + message.length > this.#options.maxBytes) {
      throw new PlatformError(
        'spool-full',
        `the spool of transactions in progress has reached SPOOL_MAX_BYTES (${this.#options.maxBytes})`,
      );
    }
    let file = this.#files.get(xid);
    if (file === undefined) {
      file = new SpoolFile(join(this.#folder, String(xid)), this.#writes, this.#options.openFile ?? openOnDisk);
      this.#files.set(xid, file);
    }
    const before = file.bytes;
    file.append(part, message, start, stamp);
    this.#bytes += file.bytes - before;
  }

  /** The subtransaction `part` was rolled back. */
  cut(xid: number, part: number): void {
    const file = this.#files.get(xid);
    if (file === undefined) return;
    const before = file.bytes;
    file.cut(part);
    this.#bytes += file.bytes - before;
  }

  /** The transaction's messages, part by part, what was cut left out. */
  async *read(xid: number): AsyncGenerator<SpooledMessages> {
    const file = this.#files.get(xid);
    if (file !== undefined) yield* file.read();
  }

  /** The transaction is done with. */
  drop(xid: number): void {
    const file = this.#files.get(xid);
    if (file === undefined) return;
    this.#files.delete(xid);
    this.#bytes -= file.bytes;
    file.drop();
  }

  async close(): Promise<void> {
    for (const xid of [...this.#files.keys()]) this.drop(xid);
    await this.#writes.settled();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** No room is no fault of ours; whatever else the disk says is. */
function diskError(error: unknown, folder: string): PlatformError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code)) {
    return new PlatformError('spool-full', `the disk of SPOOL_FOLDER ${folder} is full (${code})`, { cause: error });
  }
  return asPlatformError(error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
