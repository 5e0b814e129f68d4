import { Pool, types } from 'pg';
import type { PoolClient, QueryResultRow } from 'pg';
import type { Lsn } from '@millrace/kernel/position';
import { retry } from '@millrace/kernel/retry';
import type { Logger } from '@millrace/kernel/telemetry';
import { POSITION_NOW_QUERY, positionNow } from '@millrace/schemas/source';
import type { PositionNowRow } from '@millrace/schemas/source';
import { fromPostgres, isTransient } from './postgres-errors.ts';

/** The one way to Postgres: SQL is constant text, values go as parameters, and what the server refuses is a PlatformError. */
export interface Sql {
  rows<R extends QueryResultRow>(text: string, values?: readonly unknown[]): Promise<R[]>;
  /** The first row, or undefined. */
  first<R extends QueryResultRow>(text: string, values?: readonly unknown[]): Promise<R | undefined>;
  run(text: string, values?: readonly unknown[]): Promise<void>;
}

export interface Committed<T> {
  readonly result: T;
  /** At or above the commit of this transaction: a view whose watermark has it shows the transaction. */
  readonly lsn: Lsn;
}

export interface Database extends Sql {
  /**
   * Runs `work` in one transaction (read committed) and commits. Statements that `work` does not wait for are sent at once and run in order. Throws what `work` throws, after a rollback. A deadlock or a
   * serialization failure runs it again, three times in all: `work` may do nothing but SQL.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<Committed<T>>;
  /** `work` sees one state of the database and writes nothing. */
  snapshot<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** At or above everything that is committed. */
  position(): Promise<Lsn>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Of the capture whose positions the views have. */
  readonly slotName: string;
  readonly poolSize: number;
  readonly statementTimeoutMs: number;
  readonly logger: Logger;
}

const ATTEMPTS = 3;
const INT8_OID = 20;
const CONNECT_TIMEOUT_MS = 3_000;
/** int8 as a number: the API reads only versions and counts, far below 2^53. */
const parsers = { getTypeParser: (oid: number, format?: 'text' | 'binary') => parserOf(oid, format) };

export function connectDatabase(options: DatabaseOptions): Database {
  const pool = new Pool({
    connectionString: options.url,
    max: options.poolSize,
    // Queries that are not waited for one by one go out together: a command is about half as many round trips.
    pipeline: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 60_000,
    statement_timeout: options.statementTimeoutMs,
    idle_in_transaction_session_timeout: options.statementTimeoutMs * 2,
    application_name: 'millrace-api',
    types: parsers,
  });
  // An idle connection that breaks is only thrown out of the pool; without a listener it would end the process.
  pool.on('error', (error) => options.logger.warn({ err: error }, 'an idle connection to the database broke'));
  // The same between two statements of a transaction: the next statement meets the error.
  pool.on('connect', (client) => client.on('error', () => undefined));

  async function withClient<T>(use: (client: PoolClient) => Promise<T>): Promise<T> {
    let client: PoolClient;
    try {
      client = await pool.connect();
    } catch (error) {
      throw fromPostgres(error);
    }
    let broken = true;
    try {
      const result = await use(client);
      broken = false;
      return result;
    } catch (error) {
      broken = !(await rolledBack(client));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  const positionOn = async (sql: Sql): Promise<Lsn> =>
    positionNow(await sql.first<PositionNowRow>(POSITION_NOW_QUERY, [options.slotName]));

  const once = <T>(work: (sql: Sql) => Promise<T>): Promise<Committed<T>> =>
    withClient(async (client) => {
      const sql = sqlOn(client);
      const begun = sql.run('begin');
      const [result] = await Promise.all([work(sql), begun]);
      const [, lsn] = await Promise.all([sql.run('commit'), positionOn(sql)]);
      return { result, lsn };
    });

  return {
    ...sqlOn(pool),
    transaction: (work) =>
      retry(() => once(work), { attempts: ATTEMPTS, retryable: isTransient, initialMs: 5, maxMs: 50, jitter: 1 }),
    snapshot: (work) =>
      withClient(async (client) => {
        const sql = sqlOn(client);
        await sql.run('begin transaction isolation level repeatable read read only');
        const result = await work(sql);
        await sql.run('commit');
        return result;
      }),
    position: () => positionOn(sqlOn(pool)),
    close: () => pool.end(),
  };
}

function sqlOn(connection: Pick<PoolClient, 'query'>): Sql {
  const query = async <R extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<R[]> => {
    try {
      return (await connection.query<R>(text, [...values])).rows;
    } catch (error) {
      throw fromPostgres(error);
    }
  };
  return {
    rows: query,
    first: async <R extends QueryResultRow>(text: string, values?: readonly unknown[]) =>
      (await query<R>(text, values))[0],
    run: async (text, values) => {
      await query(text, values);
    },
  };
}

async function rolledBack(client: PoolClient): Promise<boolean> {
  try {
    await client.query('rollback');
    return true;
  } catch {
    return false;
  }
}

function parserOf(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === INT8_OID) return Number;
  const ordinary: { getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown } = types;
  return ordinary.getTypeParser(oid, format);
}
