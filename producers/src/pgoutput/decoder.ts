import { PlatformError } from '@millrace/kernel/errors';
import type { Lsn } from '@millrace/kernel/position';
import { TextRow } from '@millrace/schemas/cdc';
import type { Relation } from '@millrace/schemas/cdc';

/** Between Postgres' clock (µs since 2000) and ours (µs since 1970). */
export const POSTGRES_EPOCH_US = 946_684_800_000_000;

/** `full` where the old row is whole (replica identity full), `key` where it has the key columns only. */
export type OldRowKind = 'key' | 'full';

/**
 * What a stream of pgoutput messages says, in its order. Rows are views: valid until the call returns. LSNs are Postgres' own, without epoch.
 *
 * A transaction that is sent before its end comes in blocks, `streamStart` to `streamStop`; what stands in them is for whoever keeps it until
 * `streamCommit` (or `streamAbort`, of the whole or of a part) and is decoded then, as `decodeStreamed`.
 */
export interface PgoutputHandler {
  /** `lsn` is the commit's LSN, known from the start. */
  begin(lsn: Lsn, tsUs: number, txid: number): void;
  commit(lsn: Lsn, endLsn: Lsn, tsUs: number): void;
  relation(id: number, relation: Relation): void;
  insert(relationId: number, row: TextRow): void;
  /** `old` is given where the key changed or the replica identity is full. */
  update(relationId: number, old: TextRow | null, oldKind: OldRowKind | null, row: TextRow): void;
  delete(relationId: number, old: TextRow, oldKind: OldRowKind): void;
  truncate(relationIds: readonly number[]): void;
  message(transactional: boolean, lsn: Lsn, prefix: string, content: Buffer): void;
  /** What follows belongs to the transaction `xid`, which is in progress. */
  streamStart(xid: number): void;
  streamStop(): void;
  streamCommit(xid: number, lsn: Lsn, endLsn: Lsn, tsUs: number): void;
  /** The subtransaction `subxid` of `xid` was rolled back; all of it where they are the same. */
  streamAbort(xid: number, subxid: number): void;
}

/** Whether the message that begins at `at` ends a block of a transaction in progress. */
export function isStreamStop(message: Buffer, at: number): boolean {
  return message[at] === 0x45;
}

/** Whether the message that begins at `at` says where a replicated change came from: the only one in a block that names no transaction. */
export function isOrigin(message: Buffer, at: number): boolean {
  return message[at] === 0x4f;
}

export function isRelation(message: Buffer, at: number): boolean {
  return message[at] === 0x52;
}

/** The (sub)transaction that a message in a block belongs to. */
export function streamedXid(message: Buffer, at: number): number {
  if (message.length < at + 5)
    throw new PlatformError('replication-protocol', 'a streamed message ends before its transaction');
  return message.readUInt32BE(at + 1);
}

/** Decodes pgoutput, protocol versions 1 and 2; columns stay as they came, text or binary. Throws `replication-protocol` for what it doesn't know. Not re-entrant. */
export class PgoutputDecoder {
  readonly #handler: PgoutputHandler;
  readonly #old = new TextRow();
  readonly #new = new TextRow();
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  constructor(handler: PgoutputHandler) {
    this.#handler = handler;
  }

  /** One message: the payload of one XLogData, the bytes of `message` from `start` to `end`. */
  decode(message: Buffer, start = 0, end = message.length): void {
    this.#end = end;
    this.#decode(message, start, start + 1);
  }

  /** One message out of a block of a transaction in progress: the number of its (sub)transaction stands after its kind. */
  decodeStreamed(message: Buffer, start = 0, end = message.length): void {
    this.#end = end;
    this.#decode(message, start, start + 5);
  }

  #decode(message: Buffer, start: number, at: number): void {
    this.#buffer = message;
    this.#at = at;
    switch (message[start]) {
      case 0x42: // B
        this.#handler.begin(this.#int64(), this.#time(), this.#int32());
        return;
      case 0x43: // C
        this.#at += 1;
        this.#handler.commit(this.#int64(), this.#int64(), this.#time());
        return;
      case 0x52: // R
        this.#relation();
        return;
      case 0x49: // I
        this.#insert();
        return;
      case 0x55: // U
        this.#update();
        return;
      case 0x44: // D
        this.#delete();
        return;
      case 0x54: // T
        this.#truncate();
        return;
      case 0x4d: // M
        this.#message();
        return;
      case 0x53: // S
        this.#handler.streamStart(this.#int32());
        return;
      case 0x45: // E
        this.#handler.streamStop();
        return;
      case 0x63: // c
        this.#streamCommit();
        return;
      case 0x41: // A
        this.#handler.streamAbort(this.#int32(), this.#int32());
        return;
      case 0x4f: // O, where a replicated change came from
      case 0x59: // Y, the name of a type that is not built in
        return;
      default:
        throw unknown('message', message[start]);
    }
  }

  #streamCommit(): void {
    const xid = this.#int32();
    this.#at += 1;
    this.#handler.streamCommit(xid, this.#int64(), this.#int64(), this.#time());
  }

  #relation(): void {
    const id = this.#int32();
    const schema = this.#cstring();
    const table = this.#cstring();
    this.#at += 1;
    const count = this.#int16();
    const columns = Array.from({ length: count }, () => {
      const key = (this.#byte() & 1) === 1;
      const name = this.#cstring();
      const typeOid = this.#int32();
      this.#at += 4;
      return { name, typeOid, key };
    });
    this.#handler.relation(id, { schema: schema === '' ? 'pg_catalog' : schema, table, columns });
  }

  #insert(): void {
    const id = this.#int32();
    this.#expect(0x4e);
    this.#handler.insert(id, this.#row(this.#new));
  }

  #update(): void {
    const id = this.#int32();
    const tag = this.#byte();
    if (tag === 0x4e) {
      this.#handler.update(id, null, null, this.#row(this.#new));
      return;
    }
    const kind = oldRowKind(tag);
    const old = this.#row(this.#old);
    this.#expect(0x4e);
    this.#handler.update(id, old, kind, this.#row(this.#new));
  }

  #delete(): void {
    const id = this.#int32();
    const kind = oldRowKind(this.#byte());
    this.#handler.delete(id, this.#row(this.#old), kind);
  }

  #truncate(): void {
    const count = this.#int32();
    this.#at += 1;
    this.#handler.truncate(Array.from({ length: count }, () => this.#int32()));
  }

  #message(): void {
    const transactional = (this.#byte() & 1) === 1;
    const lsn = this.#int64();
    const prefix = this.#cstring();
    const length = this.#int32();
    this.#handler.message(transactional, lsn, prefix, this.#buffer.subarray(this.#at, this.#at + length));
  }

  #row(row: TextRow): TextRow {
    const buffer = this.#buffer;
    row.reset(buffer);
    const count = this.#int16();
    for (let i = 0; i < count; i++) {
      const kind = this.#byte();
      if (kind === 0x74) {
        const length = this.#int32();
        row.push(this.#at, this.#at + length);
        this.#at += length;
      } else if (kind === 0x62) {
        const length = this.#int32();
        row.pushBinary(this.#at, this.#at + length);
        this.#at += length;
      } else if (kind === 0x6e) row.pushNull();
      else if (kind === 0x75) row.pushUnchanged();
      else throw unknown('column kind', kind);
    }
    if (this.#at > this.#end) throw new PlatformError('replication-protocol', 'a message ends inside its row');
    return row;
  }

  #expect(tag: number): void {
    const found = this.#byte();
    if (found !== tag) throw unknown('tag', found);
  }

  #byte(): number {
    return this.#buffer.readUInt8(this.#at++);
  }

  #int16(): number {
    const value = this.#buffer.readUInt16BE(this.#at);
    this.#at += 2;
    return value;
  }

  #int32(): number {
    const value = this.#buffer.readUInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  #int64(): bigint {
    const value = this.#buffer.readBigUInt64BE(this.#at);
    this.#at += 8;
    return value;
  }

  #time(): number {
    return Number(this.#int64()) + POSTGRES_EPOCH_US;
  }

  #cstring(): string {
    const end = this.#buffer.indexOf(0, this.#at);
    if (end < 0) throw new PlatformError('replication-protocol', 'a message ends inside a name');
    const text = this.#buffer.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return text;
  }
}

function oldRowKind(tag: number): OldRowKind {
  if (tag === 0x4b) return 'key';
  if (tag === 0x4f) return 'full';
  throw unknown('tag', tag);
}

function unknown(what: string, code: number | undefined): PlatformError {
  const shown = code === undefined ? 'nothing' : JSON.stringify(String.fromCharCode(code));
  return new PlatformError('replication-protocol', `pgoutput sent a ${what} that is not known here: ${shown}`);
}
