import { Client, Pool } from 'pg';
import type { ClientConfig, PoolConfig } from 'pg';
import { PlatformError } from '@millrace/kernel/errors';

/**
 * A connection of its own to Postgres. Where Postgres ends it between two statements nothing is thrown: the next statement meets the error. End it.
 *
 * @throws PlatformError `engine-unreachable` where Postgres takes no connection; nothing is left open then.
 */
export async function connect(database: string | ClientConfig): Promise<Client> {
  const client = new Client(typeof database === 'string' ? { connectionString: database } : database);
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (cause) {
    await client.end().catch(() => undefined);
    throw new PlatformError('engine-unreachable', `the database does not answer: ${messageOf(cause)}`, { cause });
  }
}

/** What `use` answers, over a connection (`connect`) that is ended afterwards. What fails is told as it is, also where the connection broke. */
export async function withConnection<T>(
  database: string | ClientConfig,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await connect(database);
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Connections as they are needed. One that Postgres ends, idle or between two statements, throws nothing: the next statement meets the error. End it. */
export function openPool(config: PoolConfig): Pool {
  const pool = new Pool(config);
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(messageOf).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
