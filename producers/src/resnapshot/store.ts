import { PlatformError } from '@millrace/kernel/errors';
import type pg from 'pg';
import type { ResnapshotRequest, ResnapshotState, ResnapshotStateName } from '../control/index.ts';
import { sqlState } from '../replication/connect.ts';
import { MARK_PREFIX } from './marks.ts';

/** A re-snapshot as it is kept: what was asked, and how far the log holds it. */
export interface Entry {
  readonly id: string;
  readonly state: ResnapshotStateName;
  readonly request: ResnapshotRequest;
  /** `schema.table`, in the order in which they are read. */
  readonly tables: readonly string[];
  readonly phase: 'rows' | 'deletes';
  readonly tablesDone: number;
  /** Primary key of the last row of the table at work that the log holds. */
  readonly lastKey: readonly string[] | null;
  readonly rows: number;
  readonly deleted: number;
  readonly detail: string | null;
  readonly requestedAt: string;
  readonly updatedAt: string;
}

export type Progress = Pick<Entry, 'phase' | 'tablesDone' | 'lastKey' | 'rows' | 'deleted'>;

const TABLE = 'millrace.capture_resnapshots';
const CREATE = `
  create schema if not exists millrace;
  create table if not exists ${TABLE} (
    id           bigint generated always as identity primary key,
    slot         text not null,
    state        text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed', 'cancelled')),
    request      jsonb not null,
    tables       text[] not null,
    phase        text not null default 'rows' check (phase in ('rows', 'deletes')),
    tables_done  integer not null default 0,
    last_key     text[],
    rows         bigint not null default 0,
    deleted      bigint not null default 0,
    detail       text,
    requested_at timestamptz not null default now(),
    updated_at   timestamptz not null default now()
  )`;
const COLUMNS = `id::text, state, request, tables, phase, tables_done as "tablesDone", last_key as "lastKey",
  rows::float8 as rows, deleted::float8 as deleted, detail, requested_at as "requestedAt", updated_at as "updatedAt"`;
const LISTED = 20;
const INSUFFICIENT_PRIVILEGE = '42501';

type Row = Omit<Entry, 'requestedAt' | 'updatedAt'> & { requestedAt: Date; updatedAt: Date };

/**
 * Re-snapshots of one slot, in a table of ours in the source (`millrace.capture_resnapshots`, made when it is first needed). Statements are
 * single ones, so that the connection may be shared.
 */
export class ResnapshotStore {
  readonly #sql: pg.Client;
  readonly #slot: string;
  #exists = false;

  constructor(sql: pg.Client, slot: string) {
    this.#sql = sql;
    this.#slot = slot;
  }

  /** One that is there for the same purpose is answered in its place. Throws `conflict` where the role may not create the table. */
  async add(request: ResnapshotRequest, tables: readonly string[]): Promise<Entry> {
    await this.#ensure();
    const entries = await this.#query(
      `with known as (
         select * from ${TABLE}
         where slot = $1 and request ->> 'purpose' = $4 and tables = $3 and state not in ('failed', 'cancelled')
         order by id desc limit 1),
       added as (
         insert into ${TABLE} (slot, request, tables) select $1, $2::jsonb, $3::text[] where not exists (select from known) returning *)
       select ${COLUMNS} from (select * from known union all select * from added) either`,
      [this.#slot, JSON.stringify(request), tables, request.purpose ?? null],
    );
    return only(entries, 'new');
  }

  async list(): Promise<Entry[]> {
    if (!(await this.#has())) return [];
    return this.#query(
      `select ${COLUMNS} from ${TABLE} r where slot = $1
       order by state in ('queued', 'running') desc, r.id desc limit ${LISTED}`,
      [this.#slot],
    );
  }

  /** Throws `not-found`. */
  async get(id: string): Promise<Entry> {
    const entries = (await this.#has())
      ? await this.#query(`select ${COLUMNS} from ${TABLE} where slot = $1 and id = $2`, [this.#slot, id])
      : [];
    return only(entries, id);
  }

  /** The oldest that has not ended; null where all have. */
  async next(): Promise<Entry | null> {
    if (!(await this.#has())) return null;
    const entries = await this.#query(
      `select ${COLUMNS} from ${TABLE} r where slot = $1 and state in ('queued', 'running') order by r.id limit 1`,
      [this.#slot],
    );
    return entries[0] ?? null;
  }

  /** Only one that has not ended changes its state. False where it had ended. */
  async enter(id: string, state: ResnapshotStateName, detail: string | null): Promise<boolean> {
    const { rowCount } = await this.#sql.query(
      `update ${TABLE} set state = $2, detail = $3, updated_at = now()
       where id = $1 and state in ('queued', 'running')`,
      [id, state, detail],
    );
    return rowCount === 1;
  }

  /** Notes what the log holds by now. False where it was cancelled in between. */
  async save(id: string, { phase, tablesDone, lastKey, rows, deleted }: Progress): Promise<boolean> {
    const { rowCount } = await this.#sql.query(
      `update ${TABLE} set phase = $2, tables_done = $3, last_key = $4, rows = $5, deleted = $6, updated_at = now()
       where id = $1 and state = 'running'`,
      [id, phase, tablesDone, lastKey, rows, deleted],
    );
    return rowCount === 1;
  }

  /** Commits a mark. */
  async mark(token: string): Promise<void> {
    await this.#sql.query('select pg_logical_emit_message(true, $1, $2::text)', [MARK_PREFIX, token]);
  }

  async #query(text: string, values: unknown[]): Promise<Entry[]> {
    const { rows } = await this.#sql.query<Row>(text, values);
    return rows.map(({ requestedAt, updatedAt, ...row }) => ({
      ...row,
      requestedAt: requestedAt.toISOString(),
      updatedAt: updatedAt.toISOString(),
    }));
  }

  async #has(): Promise<boolean> {
    if (this.#exists) return true;
    const { rows } = await this.#sql.query<{ exists: boolean }>('select to_regclass($1) is not null as exists', [
      TABLE,
    ]);
    this.#exists = rows[0]?.exists === true;
    return this.#exists;
  }

  async #ensure(): Promise<void> {
    if (await this.#has()) return;
    try {
      await this.#sql.query(CREATE);
    } catch (error) {
      if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) throw error;
      throw new PlatformError(
        'conflict',
        `the producer keeps its progress in ${TABLE} and may not create it: grant create on the database to its role, or create schema millrace for it`,
        { cause: error },
      );
    }
    this.#exists = true;
  }
}

function only(entries: readonly Entry[], id: string): Entry {
  const entry = entries[0];
  if (entry === undefined) throw new PlatformError('not-found', `there is no re-snapshot ${id}`);
  return entry;
}

/** As operators are told. */
export function stateOf(entry: Entry, etaSeconds: number | null): ResnapshotState {
  const { id, state, request, phase, tables, tablesDone, rows, deleted, detail, requestedAt, updatedAt } = entry;
  const isOver = state === 'done' || phase === 'deletes';
  const table = isOver ? null : (tables[tablesDone] ?? null);
  const progress = { phase, table, tables: tables.length, tablesDone, rows, deleted, etaSeconds };
  return { id, state, request, ...progress, detail, requestedAt, updatedAt };
}
