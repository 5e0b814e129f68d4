import { PlatformError } from '@millrace/kernel/errors';
import { PUBLISHED_COLUMNS_QUERY, relationsOf, textRow } from '@millrace/schemas/cdc';
import type { PublishedColumn, Relation, TextRow } from '@millrace/schemas/cdc';
import type pg from 'pg';
import { sqlState } from '../replication/connect.ts';
import { quoted, quotedTable } from './quoted.ts';
import { Visibility } from './visibility.ts';

/** The part of a table to be read again. Bounds are on the aggregate's id, both included, in Postgres' text. */
export interface TableScope {
  readonly schema: string;
  readonly table: string;
  readonly aggregateColumn: string;
  /** In the key's order; the first is the aggregate's id. */
  readonly primaryKey: readonly string[];
  readonly from: string | null;
  readonly to: string | null;
  /** Of these aggregates alone, in Postgres' text; null for all. */
  readonly among: readonly string[] | null;
}

type Value = string | readonly string[];

export interface ChunkLimits {
  readonly rows: number;
  readonly bytes: number;
}

/** Rows in key order, as one snapshot saw them, with the table's shape in it. */
export interface Chunk {
  readonly visibility: Visibility;
  readonly relation: Relation;
  readonly rows: readonly TextRow[];
  /** Primary key of the last row; null where there is none. */
  readonly lastKey: readonly string[] | null;
  /** There is nothing after it. */
  readonly isLast: boolean;
}

/** Which of some keys the table holds, as one snapshot saw it. */
export interface Presence {
  readonly visibility: Visibility;
  readonly relation: Relation;
  /** Indexes of the keys that the table has not. */
  readonly absent: readonly number[];
}

const FIRST_FETCH = 50;
const MOST_FETCHED = 1_000;
/** How long a lock is waited for before looking whether to go on. */
const LOCK_MS = 500;
const LOCK_NOT_AVAILABLE = '55P03';

type Raw = readonly (string | null)[];
const raw = { getTypeParser: () => (value: string | null) => value } as unknown as pg.CustomTypesConfig;

/**
 * Reads parts of tables on a connection of its own. Each read is a transaction that stays open, the table locked against changes of its shape
 * (and truncates) but not against writers, until `release`: who commits a mark before that knows that the shape at the mark is the one read.
 */
export class TableReader {
  readonly #client: pg.Client;
  readonly #publication: string;
  readonly #signal: AbortSignal;
  #open = false;
  /** Of the rows read lately; decides how many are fetched at once. */
  #rowBytes = 0;

  constructor(client: pg.Client, publication: string, signal: AbortSignal) {
    this.#client = client;
    this.#publication = publication;
    this.#signal = signal;
  }

  /** The next rows after a key, the beginning where it is null. At least one row where there is one, however large. */
  async chunk(scope: TableScope, after: readonly string[] | null, limits: ChunkLimits): Promise<Chunk> {
    const { visibility, relation } = await this.#begin(scope);
    const columns = relation.columns.map(({ name }) => quoted(name)).join(', ');
    const keys = scope.primaryKey.map(quoted).join(', ');
    const values: Value[] = [];
    const parameter = (value: Value): string => `$${values.push(value)}`;
    const conditions = bounds(scope, parameter);
    if (after !== null) conditions.push(`(${keys}) > (${after.map(parameter).join(', ')})`);
    await this.#client.query({
      text:
        `declare chunk no scroll cursor for select ${columns} from ${quotedTable(scope)} ` +
        `${where(conditions)} order by ${keys}`,
      values,
    });
    const { rows, isLast } = await this.#fetch(limits);
    const last = rows.at(-1);
    const keyColumns = scope.primaryKey.map((name) => relation.columns.findIndex((column) => column.name === name));
    return {
      visibility,
      relation,
      rows: rows.map((row) => textRow(row)),
      lastKey: last === undefined ? null : keyColumns.map((column) => last[column] ?? ''),
      isLast,
    };
  }

  /** Which of these keys, each in the key's order, the table has not, among those within the scope. */
  async absent(scope: TableScope, keys: readonly (readonly string[])[]): Promise<Presence> {
    const { visibility, relation } = await this.#begin(scope);
    const { types, canCheck } = await this.#keyTypes(scope);
    const lists: unknown[] = scope.primaryKey.map((_, column) => keys.map((key) => key[column] ?? ''));
    const parameter = (value: Value): string => `$${lists.push(value)}`;
    const given = scope.primaryKey.map((_, column) => `k.c${column}::${types[column] ?? 'text'}`);
    const matches = scope.primaryKey.map((name, column) => `t.${quoted(name)} = ${given[column] ?? ''}`);
    const type = types[0] ?? 'text';
    // Someone else may have put any key into the topic: what is no value of the column is no row of the table.
    const valid = canCheck ? types.map((type, column) => `pg_input_is_valid(k.c${column}, ${parameter(type)})`) : [];
    const within = [
      ...(scope.from === null ? [] : [`${given[0] ?? ''} >= ${parameter(scope.from)}::${type}`]),
      ...(scope.to === null ? [] : [`${given[0] ?? ''} <= ${parameter(scope.to)}::${type}`]),
      ...(scope.among === null ? [] : [`${given[0] ?? ''} = any (${parameter(scope.among)}::${type}[])`]),
      `not exists (select from ${quotedTable(scope)} t where ${matches.join(' and ')})`,
    ];
    const arrays = scope.primaryKey.map((_, column) => `$${column + 1}::text[]`).join(', ');
    const names = scope.primaryKey.map((_, column) => `c${column}`).join(', ');
    const { rows } = await this.#client.query<{ at: string }>(
      `select k.at::text from (
         select * from unnest(${arrays}) with ordinality as k(${names}, at) ${where(valid)} offset 0) k
       ${where(within)} order by k.at`,
      lists,
    );
    return { visibility, relation, absent: rows.map(({ at }) => Number(at) - 1) };
  }

  /** Ends the read's transaction. May be called again. */
  async release(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#client.query('rollback');
  }

  async #begin(scope: TableScope): Promise<{ visibility: Visibility; relation: Relation }> {
    // The lock comes first: a transaction's snapshot is taken at its first query, so it sees whoever held the lock before.
    while (!(await this.#lock(scope))) this.#signal.throwIfAborted();
    const { rows } = await this.#client.query<{ snapshot: string }>('select pg_current_snapshot()::text as snapshot');
    const columns = await this.#client.query<PublishedColumn>(
      `select * from (${PUBLISHED_COLUMNS_QUERY}) c where c.schema = $2 and c."table" = $3`,
      [this.#publication, scope.schema, scope.table],
    );
    const relation = relationsOf(columns.rows)[0];
    if (relation === undefined) {
      throw new PlatformError('table-not-capturable', `${scope.schema}.${scope.table} is not published any more`);
    }
    const lost = scope.primaryKey.filter((name) => !relation.columns.some((column) => column.name === name));
    if (lost.length > 0) {
      throw new PlatformError(
        'table-not-capturable',
        `${scope.schema}.${scope.table} has no column ${lost.join(', ')} any more`,
      );
    }
    return { visibility: new Visibility(rows[0]?.snapshot ?? ''), relation };
  }

  /** False where someone is changing the table's shape. */
  async #lock(scope: TableScope): Promise<boolean> {
    await this.release();
    this.#open = true;
    await this.#client.query(`begin isolation level repeatable read read only; set local lock_timeout = ${LOCK_MS}`);
    try {
      await this.#client.query(`lock table ${quotedTable(scope)} in access share mode`);
      return true;
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
      return false;
    }
  }

  async #fetch({ rows: mostRows, bytes: mostBytes }: ChunkLimits): Promise<{ rows: Raw[]; isLast: boolean }> {
    const rows: Raw[] = [];
    let bytes = 0;
    while (rows.length < mostRows && bytes < mostBytes) {
      const fitting = this.#rowBytes === 0 ? FIRST_FETCH : Math.ceil((mostBytes - bytes) / this.#rowBytes);
      const count = Math.max(1, Math.min(fitting, mostRows - rows.length, MOST_FETCHED));
      const fetched = await this.#client.query<string[]>({
        text: `fetch forward ${count} from chunk`,
        rowMode: 'array',
        types: raw,
      });
      for (const row of fetched.rows as Raw[]) {
        rows.push(row);
        bytes += weight(row);
      }
      if (rows.length > 0) this.#rowBytes = bytes / rows.length;
      if (fetched.rows.length < count) return { rows, isLast: true };
    }
    return { rows, isLast: false };
  }

  /** The key columns' types as a cast names them, and whether Postgres (16 and later) can say that a text is a value of one. */
  async #keyTypes(scope: TableScope): Promise<{ types: string[]; canCheck: boolean }> {
    const { rows } = await this.#client.query<{ name: string; type: string; version: number }>(
      `select attname::text as name, format_type(atttypid, -1) as type, current_setting('server_version_num')::int as version
       from pg_attribute where attrelid = $1::regclass and attname = any ($2) and not attisdropped`,
      [quotedTable(scope), scope.primaryKey],
    );
    const types = scope.primaryKey.map((key) => rows.find(({ name }) => name === key)?.type ?? 'text');
    return { types, canCheck: (rows[0]?.version ?? 0) >= 160_000 };
  }
}

function bounds({ aggregateColumn, from, to, among }: TableScope, parameter: (value: Value) => string): string[] {
  const column = quoted(aggregateColumn);
  return [
    ...(from === null ? [] : [`${column} >= ${parameter(from)}`]),
    ...(to === null ? [] : [`${column} <= ${parameter(to)}`]),
    ...(among === null ? [] : [`${column} = any (${parameter(among)})`]),
  ];
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
}

function weight(row: Raw): number {
  let bytes = 16;
  for (const column of row) bytes += column?.length ?? 0;
  return bytes;
}
