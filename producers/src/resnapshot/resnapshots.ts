import { PlatformError, asPlatformError } from '@millrace/kernel/errors';
import type { LogClient } from '@millrace/kernel/log';
import type { Lsn } from '@millrace/kernel/position';
import type { Logger } from '@millrace/kernel/telemetry';
import type pg from 'pg';
import type { Publisher } from '../capture/publisher.ts';
import type { RouteCatalog } from '../capture/route-catalog.ts';
import type { SourceTable } from '../capture/source-tables.ts';
import type { ResnapshotControl, ResnapshotRequest, ResnapshotState } from '../control/index.ts';
import { endQuietly, sqlState } from '../replication/connect.ts';
import { Marks } from './marks.ts';
import { aggregatesOf, canonicalIds, requestedTables, scopeOf, tableName } from './plan.ts';
import { ResnapshotRun } from './run.ts';
import { ResnapshotStore, stateOf } from './store.ts';
import type { Entry } from './store.ts';

export interface ResnapshotsOptions {
  readonly slot: string;
  readonly publication: string;
  readonly topicPrefix: string;
  readonly partitions: number;
  readonly chunkRows: number;
  /** Most rows a second; 0 for no limit. */
  readonly rowsPerSecond: number;
  readonly log: LogClient;
  readonly logger: Logger;
  /** For small statements; may be shared. */
  readonly sql: pg.Client;
  /** A connection of its own to read tables with. */
  readonly connect: () => Promise<pg.Client>;
  readonly tables: () => readonly SourceTable[];
  readonly routes: RouteCatalog;
  readonly publisher: Publisher;
  /** What the log holds. */
  readonly acknowledged: () => Lsn;
  /** Something is wrong with the capture itself. */
  readonly onFailure: (error: unknown) => void;
}

export interface ResnapshotAtWork {
  readonly id: string;
  readonly rows: number;
  readonly deleted: number;
  readonly etaSeconds: number | null;
  readonly waitsFor: string | null;
}

const CANCELLED = new PlatformError('conflict', 'cancelled by the operator');

/**
 * Reads tables again while the stream goes on: one request after the other, each in chunks.
 *
 * Guarantees: a chunk's rows are published at the position of its own mark, in one commit with it, so positions only grow; no row is published
 * after a newer one, also where a commit was streamed before other sessions saw it; when a request is done, every row of its scope that was
 * there when it began is in the log at or after its beginning, and, where deletes were asked for, no row that is in the table no more.
 * A killed producer's successor goes on after the last chunk noted down; a chunk may then come twice, at two positions.
 */
export class Resnapshots implements ResnapshotControl {
  readonly marks: Marks;
  readonly #options: ResnapshotsOptions;
  readonly #store: ResnapshotStore;
  readonly #stopping = new AbortController();
  #ended: Promise<void> = Promise.resolve();
  #wake: () => void = () => undefined;
  #current: { readonly id: string; readonly run: ResnapshotRun; readonly cancel: AbortController } | null = null;

  constructor(options: ResnapshotsOptions) {
    this.#options = options;
    this.#store = new ResnapshotStore(options.sql, options.slot);
    this.marks = new Marks(options.publisher);
  }

  /** Goes on with what was not done. */
  start(): void {
    this.#ended = this.#work().catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) this.#options.onFailure(error);
    });
  }

  /** Leaves off where it is; the next producer goes on. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the session ends'));
    this.#wake();
    await this.#ended;
  }

  async request(request: ResnapshotRequest): Promise<ResnapshotState> {
    const tables = requestedTables(request, this.#options.tables());
    for (const table of tables) {
      const bounds = [request.from, request.to].filter((id) => id !== undefined);
      const named = [...(aggregatesOf(request) ?? []), ...bounds];
      if (named.length > 0) await canonicalIds(this.#options.sql, scopeOf(request, table), named);
    }
    const entry = await this.#store.add(
      request,
      tables.map(({ relation }) => tableName(relation)),
    );
    this.#wake();
    return this.#stateOf(entry);
  }

  async list(): Promise<readonly ResnapshotState[]> {
    return (await this.#store.list()).map((entry) => this.#stateOf(entry));
  }

  async get(id: string): Promise<ResnapshotState> {
    return this.#stateOf(await this.#store.get(id));
  }

  async cancel(id: string): Promise<ResnapshotState> {
    const { state } = await this.#store.get(id);
    if (!(await this.#store.enter(id, 'cancelled', null))) {
      throw new PlatformError('conflict', `re-snapshot ${id} is ${state} already`);
    }
    if (this.#current?.id === id) this.#current.cancel.abort(CANCELLED);
    return this.get(id);
  }

  async hold(id: string, forMs: number): Promise<ResnapshotState> {
    if (this.#current?.id === id) this.#current.run.hold(forMs);
    return this.get(id);
  }

  /** The one at work, from memory; null where none is. */
  get current(): ResnapshotAtWork | null {
    if (this.#current === null) return null;
    const { id, run } = this.#current;
    const { rows, deleted } = run.progress;
    return { id, rows, deleted, etaSeconds: run.etaSeconds, waitsFor: run.waitsFor };
  }

  #stateOf(entry: Entry): ResnapshotState {
    const current = this.#current;
    if (current?.id !== entry.id) return stateOf(entry, null);
    return stateOf({ ...entry, ...current.run.progress, detail: current.run.waitsFor }, current.run.etaSeconds);
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      const entry = await this.#store.next();
      if (entry === null) await woken;
      else await this.#one(entry);
    }
  }

  /** What is the request's fault fails the request; what is the capture's ends the session. */
  async #one(entry: Entry): Promise<void> {
    const { logger } = this.#options;
    if (!(await this.#store.enter(entry.id, 'running', null))) return;
    const cancel = new AbortController();
    const signal = AbortSignal.any([this.#stopping.signal, cancel.signal]);
    const client = await this.#options.connect();
    try {
      const run = new ResnapshotRun({ ...this.#options, store: this.#store, marks: this.marks, client, entry, signal });
      this.#current = { id: entry.id, run, cancel };
      logger.info({ resnapshot: entry.id, tables: entry.tables }, 're-snapshot begins');
      const { rows, deleted, remark } = await run.run();
      await this.#store.enter(entry.id, 'done', remark);
      logger.info({ resnapshot: entry.id, rows, deleted }, 're-snapshot is done');
    } catch (error) {
      if (this.#stopping.signal.aborted || cancel.signal.aborted) return;
      if (!isOfTheRequest(error)) throw error;
      const { message } = asPlatformError(error);
      // An error of Postgres may quote a value.
      const detail = sqlState(error) === '' ? message : `Postgres refused to read it (SQLSTATE ${sqlState(error)})`;
      logger.warn({ resnapshot: entry.id, detail }, 're-snapshot failed');
      await this.#store.enter(entry.id, 'failed', detail);
    } finally {
      this.#current = null;
      await endQuietly(client);
    }
  }
}

/** Class 57 and 08: the server or the connection goes away, whatever was asked. */
function isOfTheRequest(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== '' && /^[0-9A-Z]{5}$/.test(state)) return !/^(57|08)/.test(state);
  const kinds: readonly string[] = ['table-not-capturable', 'schema-incompatible', 'validation-failed', 'conflict'];
  return error instanceof PlatformError && kinds.includes(error.kind);
}
