import { PlatformError } from '@millrace/kernel/errors';
import type { Lsn } from '@millrace/kernel/position';
import type { Relation, TextRow } from '@millrace/schemas/cdc';
import { PgoutputDecoder } from '../pgoutput/index.ts';
import type { OldRowKind, PgoutputHandler } from '../pgoutput/index.ts';
import type { Publisher } from './publisher.ts';
import type { RouteCatalog } from './route-catalog.ts';
import type { Route } from './routes.ts';

export interface StreamFeedOptions {
  readonly publisher: Publisher;
  readonly routes: RouteCatalog;
  /** Stands above the LSN: `epoch << 56`. */
  readonly epochBits: bigint;
  /** Whether the socket should be paused because a schema is being registered. */
  readonly onBlocked: (blocked: boolean) => void;
  readonly onReplyRequested: () => void;
  readonly onMessage: () => void;
  readonly onCommit: () => void;
  /** A transactional logical message, inside its transaction; `content` is a view. */
  readonly onLogicalMessage: (prefix: string, content: Buffer) => void;
  readonly onFailure: (error: unknown) => void;
}

const XLOG_DATA = 0x77;
const KEEPALIVE = 0x6b;
const DATA_OFFSET = 25;

/**
 * Takes the replication stream's messages and feeds the publisher. While a relation's schema is being registered, what arrives waits in order;
 * a request for a status reply is passed on at once all the same.
 */
export class StreamFeed implements PgoutputHandler {
  readonly #options: StreamFeedOptions;
  readonly #publisher: Publisher;
  readonly #decoder = new PgoutputDecoder(this);
  /** By the relation's id in this session; null for tables that are not captured. */
  readonly #routes = new Map<number, Route | null>();
  readonly #waiting: Buffer[] = [];
  #blocked = false;

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

  #handle(message: Buffer): void {
    if (message[0] === XLOG_DATA) this.#decoder.decode(message, DATA_OFFSET);
    else if (message[0] === KEEPALIVE) this.#publisher.reached(this.#lsn(message.readBigUInt64BE(1)));
    else
      throw new PlatformError(
        'replication-protocol',
        `a replication message of an unknown kind: ${message[0] ?? 'empty'}`,
      );
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
    if (!this.#options.routes.captures(relation)) {
      this.#routes.set(id, null);
      return;
    }
    const known = this.#options.routes.find(relation);
    if (known !== undefined) this.#routes.set(id, known);
    else this.#register(id, relation);
  }

  insert(relationId: number, row: TextRow): void {
    const route = this.#route(relationId);
    if (route !== null) this.#publisher.insert(route, row);
  }

  update(relationId: number, old: TextRow | null, _oldKind: OldRowKind | null, row: TextRow): void {
    const route = this.#route(relationId);
    if (route !== null) this.#publisher.update(route, old, row);
  }

  delete(relationId: number, old: TextRow): void {
    const route = this.#route(relationId);
    if (route !== null) this.#publisher.delete(route, old);
  }

  truncate(relationIds: readonly number[]): void {
    for (const id of relationIds) {
      const route = this.#route(id);
      if (route !== null) this.#publisher.truncate(route);
    }
  }

  message(transactional: boolean, _lsn: Lsn, prefix: string, content: Buffer): void {
    if (transactional) this.#options.onLogicalMessage(prefix, content);
  }

  #route(relationId: number): Route | null {
    const route = this.#routes.get(relationId);
    if (route === undefined) {
      throw new PlatformError('replication-protocol', `a change names relation ${relationId}, which was not described`);
    }
    return route;
  }

  #register(id: number, relation: Relation): void {
    this.#blocked = true;
    this.#options.onBlocked(true);
    this.#options.routes
      .add(relation)
      .then((route) => {
        this.#routes.set(id, route);
        this.#blocked = false;
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
    if (!this.#isBlocked()) this.#options.onBlocked(false);
  }

  /** A method, because the compiler does not see that handling a message may block again. */
  #isBlocked(): boolean {
    return this.#blocked;
  }
}
