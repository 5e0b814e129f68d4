import { PlatformError } from '@millrace/kernel/errors';
import type { Lsn } from '@millrace/kernel/position';
import type { CommitStamp, Relation, TextRow } from '@millrace/schemas/cdc';
import { PgoutputDecoder } from '../pgoutput/index.ts';
import type { OldRowKind, PgoutputHandler } from '../pgoutput/index.ts';
import { ParkedRelation } from '../schema-change/captured-relations.ts';
import type { CapturedRelations, ResolvedRelation } from '../schema-change/captured-relations.ts';
import { DescribedRelations } from './described-relations.ts';
import type { Publisher } from './publisher.ts';
import type { Route } from './routes.ts';
import type { WireTypes } from '../wire-format/index.ts';
import type { StreamedTransactions } from './streamed-transactions.ts';

export interface StreamFeedOptions {
  readonly publisher: Publisher;
  readonly relations: CapturedRelations;
  /** Keeps transactions in progress; null where Postgres was not asked for them. */
  readonly streamed: StreamedTransactions | null;
  /** The types that Postgres was asked to send in binary form; null where it sends text alone. */
  readonly wireTypes: WireTypes | null;
  /** Stands above the LSN: `epoch << 56`. */
  readonly epochBits: bigint;
  /** Whether the socket should be paused because a schema is being registered, or a streamed transaction published. */
  readonly onBlocked: (reason: 'schema' | 'replay', blocked: boolean) => void;
  readonly onReplyRequested: () => void;
  readonly onMessage: () => void;
  readonly onCommit: () => void;
  /** A transactional logical message, inside its transaction; `content` is a view. What comes after waits for the promise. */
  readonly onLogicalMessage: (prefix: string, content: Buffer) => Promise<void> | null;
  /** A change of a parked table was left out. */
  readonly onLeftOut: (table: string) => void;
  readonly onFailure: (error: unknown) => void;
}

const XLOG_DATA = 0x77;
const KEEPALIVE = 0x6b;
const DATA_OFFSET = 25;

/**
 * Takes the replication stream's messages and feeds the publisher. While a relation's schema is being registered, or a transaction that was
 * streamed in parts is published, what arrives waits in order; a request for a status reply is passed on at once all the same.
 */
export class StreamFeed implements PgoutputHandler {
  readonly #options: StreamFeedOptions;
  readonly #publisher: Publisher;
  readonly #decoder = new PgoutputDecoder(this);
  /** By the relation's id in this session; null for tables that are not captured. */
  readonly #relations = new DescribedRelations<ResolvedRelation>();
  readonly #waiting: Buffer[] = [];
  #registering: Promise<void> | null = null;
  #replaying = false;
  /** The stamp of the spooled message that is being decoded. */
  #stamp = 0;
  #blocked = false;
  #stopped = false;

  constructor(options: StreamFeedOptions) {
    this.#options = options;
    this.#publisher = options.publisher;
  }

  /** One copy message; a view that is valid only during the call. */
  take(message: Buffer): void {
    this.#options.onMessage();
    if (message[0] === KEEPALIVE && message[17] === 1) this.#options.onReplyRequested();
    if (this.#blocked) this.#waiting.push(Buffer.from(message));
    else this.#handle(message);
  }

  /** Nothing more is fed, also of a transaction that is being published. */
  stop(): void {
    this.#stopped = true;
  }

  #handle(message: Buffer): void {
    if (message[0] === XLOG_DATA) {
      if (this.#options.streamed?.inBlock === true) this.#keep(this.#options.streamed, message);
      else this.#decoder.decode(message, DATA_OFFSET);
    } else if (message[0] === KEEPALIVE) this.#publisher.reached(this.#lsn(message.readBigUInt64BE(1)));
    else
      throw new PlatformError(
        'replication-protocol',
        `a replication message of an unknown kind: ${message[0] ?? 'empty'}`,
      );
  }

  #keep(streamed: StreamedTransactions, message: Buffer): void {
    streamed.take(message, DATA_OFFSET, () => this.#relations.arrive());
  }

  #lsn(lsn: Lsn): Lsn {
    return this.#options.epochBits | lsn;
  }

  begin(lsn: Lsn, tsUs: number, txid: number): void {
    this.#publisher.begin({ lsn: this.#lsn(lsn), tsUs, txid });
  }

  commit(_lsn: Lsn, endLsn: Lsn): void {
    this.#publisher.commit(this.#lsn(endLsn));
    this.#options.onCommit();
  }

  relation(id: number, relation: Relation): void {
    const stamp = this.#replaying ? this.#stamp : this.#relations.arrive();
    const { openCommit } = this.#publisher;
    if (openCommit === null)
      throw new PlatformError('replication-protocol', 'a relation is described outside a transaction');
    const resolved = this.#options.relations.resolve(id, relation, openCommit.lsn);
    if (!(resolved instanceof Promise)) this.#relations.set(id, resolved, stamp);
    else this.#wait(resolved.then((settled) => this.#relations.set(id, settled, stamp)));
  }

  insert(relationId: number, row: TextRow): void {
    const route = this.#route(relationId);
    if (route !== null) this.#publisher.insert(route, this.#readable(route, row));
  }

  update(relationId: number, old: TextRow | null, _oldKind: OldRowKind | null, row: TextRow): void {
    const route = this.#route(relationId);
    if (route === null) return;
    const before = old === null ? null : this.#readable(route, old);
    this.#publisher.update(route, before, this.#readable(route, row));
  }

  delete(relationId: number, old: TextRow): void {
    const route = this.#route(relationId);
    if (route !== null) this.#publisher.delete(route, this.#readable(route, old));
  }

  truncate(relationIds: readonly number[]): void {
    for (const id of relationIds) {
      const route = this.#route(id);
      if (route !== null) this.#publisher.truncate(route);
    }
  }

  message(transactional: boolean, _lsn: Lsn, prefix: string, content: Buffer): void {
    const work = transactional ? this.#options.onLogicalMessage(prefix, content) : null;
    if (work !== null) this.#wait(work);
  }

  streamStart(xid: number): void {
    this.#streamed().start(xid);
  }

  streamStop(): void {
    throw new PlatformError('replication-protocol', 'a block of a transaction in progress ends that did not begin');
  }

  streamAbort(xid: number, subxid: number): void {
    this.#streamed().abort(xid, subxid);
  }

  streamCommit(xid: number, lsn: Lsn, endLsn: Lsn, tsUs: number): void {
    this.#block('replay', this.#replay({ lsn: this.#lsn(lsn), tsUs, txid: xid }, this.#lsn(endLsn)));
  }

  /** Publishes what was kept of a transaction, as one commit; in steps, so that timers and sockets get their turn. */
  async #replay(commit: CommitStamp, endLsn: Lsn): Promise<void> {
    const streamed = this.#streamed();
    this.#publisher.begin(commit);
    this.#relations.enterTransaction();
    this.#replaying = true;
    for await (const messages of streamed.read(commit.txid)) {
      while (messages.next()) {
        this.#stamp = messages.stamp;
        this.#decoder.decodeStreamed(messages.buffer, messages.start, messages.end);
        if (this.#registering !== null) await this.#registering;
      }
      if (!(await this.#publisher.relieved())) this.#stopped = true;
      if (this.#stopped) return;
    }
    this.#replaying = false;
    this.#relations.leaveTransaction();
    this.#publisher.commit(endLsn);
    streamed.committed(commit.txid);
    this.#options.onCommit();
  }

  #streamed(): StreamedTransactions {
    const { streamed } = this.#options;
    if (streamed !== null) return streamed;
    throw new PlatformError(
      'replication-protocol',
      'Postgres sends a transaction in progress, which was not asked for',
    );
  }

  #route(relationId: number): Route | null {
    const route = this.#relations.get(relationId);
    if (route === undefined) {
      throw new PlatformError('replication-protocol', `a change names relation ${relationId}, which was not described`);
    }
    const published = route instanceof ParkedRelation ? route.route : route;
    if (published === null) this.#leaveOut(route);
    return published;
  }

  #leaveOut(route: ResolvedRelation): void {
    if (route instanceof ParkedRelation && route.isOutdated) {
      throw new PlatformError(
        'replication-protocol',
        `a change of ${route.table} is of a shape from before it was resumed`,
      );
    }
    this.#publisher.skip();
    if (route instanceof ParkedRelation) this.#options.onLeftOut(route.table);
  }

  /** The row, told how its columns in binary form become text. Throws `UnprovenColumn`. */
  #readable(route: Route, row: TextRow): TextRow {
    if (!row.hasBinary) return row;
    const types = this.#options.wireTypes;
    if (types === null) throw new PlatformError('replication-protocol', 'Postgres sends a row in binary form unasked');
    row.codecs = types.codecs(route.relation);
    return row;
  }

  /** What comes after waits. */
  #wait(work: Promise<void>): void {
    const registering = work.then(() => {
      this.#registering = null;
    });
    this.#registering = registering;
    if (!this.#replaying) this.#block('schema', registering);
  }

  /** What comes waits until `work` is done. */
  #block(reason: 'schema' | 'replay', work: Promise<void>): void {
    this.#blocked = true;
    this.#options.onBlocked(reason, true);
    work
      .then(() => {
        if (this.#stopped) return;
        this.#blocked = false;
        this.#options.onBlocked(reason, false);
        this.#takeWaiting();
      })
      .catch(this.#options.onFailure);
  }

  #takeWaiting(): void {
    let taken = 0;
    for (const message of this.#waiting) {
      if (this.#isBlocked()) break;
      taken++;
      this.#handle(message);
    }
    this.#waiting.splice(0, taken);
  }

  /** A method, because the compiler does not see that handling a message may block again. */
  #isBlocked(): boolean {
    return this.#blocked;
  }
}
