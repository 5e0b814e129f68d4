import { PlatformError } from '@millrace/kernel/errors';
import type { Logger } from '@millrace/kernel/telemetry';
import type { CapturedTable } from '@millrace/schemas/topics';
import type pg from 'pg';
import type { Publisher } from '../capture/publisher.ts';
import type { RouteCatalog } from '../capture/route-catalog.ts';
import { checkTables } from '../capture/source-tables.ts';
import type { SourceTable } from '../capture/source-tables.ts';
import type { ResnapshotControl, TableControl } from '../control/index.ts';
import { tableName } from '../resnapshot/index.ts';
import type { CapturedRelations } from './captured-relations.ts';
import type { ParkCause, ParkedTables } from './parked-tables.ts';

export interface TableResumerOptions {
  readonly sql: pg.Client;
  readonly publication: string;
  readonly declared: readonly CapturedTable[];
  readonly routes: RouteCatalog;
  readonly relations: CapturedRelations;
  readonly parked: ParkedTables;
  readonly publisher: Publisher;
  readonly resnapshots: ResnapshotControl;
  /** The log has the table, and its rows by this key, from now on: noted, so that the next start does not take it for added. */
  readonly onResumed: (table: string, primaryKey: readonly string[]) => Promise<void>;
  readonly logger: Logger;
}

const MARK_PREFIX = 'millrace.resume';

/**
 * Goes on with parked tables. The table is checked against the database, its present schema is registered, as the next
 * generation where older readers cannot follow it (that is the operator's word), a mark is committed, and from that mark on in the stream its changes are published. Then the table is read
 * again, so that what was left out comes. A table whose key changed is truncated in its topic at the mark first: its old keys name nothing any more.
 */
export class TableResumer implements TableControl {
  readonly #options: TableResumerOptions;
  readonly #admitted = new Map<string, () => void>();

  constructor(options: TableResumerOptions) {
    this.#options = options;
  }

  /** Resolves when its changes are published again and its re-snapshot is asked for. Throws `not-found`, `table-not-capturable`. */
  async resumeTable(table: string): Promise<unknown> {
    const { sql, publication, declared, routes, parked, logger } = this.#options;
    const found = parked.find(table);
    if (found === undefined) throw new PlatformError('not-found', `${table} is not parked`);
    const captured = declared.filter((candidate) => tableName(candidate) === table);
    if (captured.length === 0) throw new PlatformError('conflict', `${table} is not declared any more`);
    const { tables, problems } = await checkTables(sql, publication, captured);
    const [source] = tables;
    if (source === undefined || problems.length > 0) {
      throw new PlatformError('table-not-capturable', problems.map(({ problem }) => problem).join(' | '));
    }
    await routes.admit(source);
    const admitted = new Promise<void>((resolve) => this.#admitted.set(table, resolve));
    await sql.query('select pg_logical_emit_message(true, $1, $2)', [MARK_PREFIX, table]);
    await admitted;
    logger.info({ table, cause: found.cause, rows: found.rows }, `${table} is resumed`);
    return { table, resnapshot: await this.#readAgain(table) };
  }

  /** Those that a process before this one resumed, or that were added. */
  async goOn(): Promise<void> {
    for (const table of this.#options.parked.resuming()) await this.#readAgain(table);
  }

  /** A logical message; a promise where the stream has to wait for it. */
  take(prefix: string, content: Buffer): Promise<void> | null {
    return prefix === MARK_PREFIX ? this.#admit(content.toString()) : null;
  }

  async #admit(table: string): Promise<void> {
    const { parked, relations, publisher } = this.#options;
    const lsn = publisher.openCommit?.lsn;
    if (lsn === undefined) throw new PlatformError('replication-protocol', 'a mark comes outside a transaction');
    const admitted = this.#admitted.get(table);
    const found = parked.find(table);
    // One of an earlier process, which noted it; what that was to write at the mark may not be in the log.
    const cause = parked.resumedAt(table, lsn);
    if (cause !== null) {
      await this.#emptyOfOldKeys(table, cause);
      await relations.resume(table);
      return;
    }
    // One of an earlier process that died before it: the operator asks again.
    if (found === undefined || admitted === undefined) return;
    await this.#emptyOfOldKeys(table, found.cause);
    await parked.resume(table, lsn);
    await relations.resume(table);
    this.#admitted.delete(table);
    admitted();
  }

  async #emptyOfOldKeys(table: string, cause: ParkCause): Promise<void> {
    if (cause !== 'key') return;
    const { publisher, routes } = this.#options;
    const source = this.#source(table);
    if (source !== undefined) publisher.truncate(await routes.route(source.relation));
  }

  async #readAgain(table: string): Promise<unknown> {
    const { resnapshots, parked, logger, onResumed } = this.#options;
    const state = await resnapshots.request({ table, deletes: true });
    const source = this.#source(table);
    if (source !== undefined) await onResumed(table, source.primaryKey);
    await parked.resumed(table);
    logger.info({ table, resnapshot: state.id }, `${table} is read again`);
    return state;
  }

  #source(table: string): SourceTable | undefined {
    return this.#options.routes.tables.find(({ relation }) => tableName(relation) === table);
  }
}
