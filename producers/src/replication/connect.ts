import { PlatformError } from '@millrace/kernel/errors';
import type { Socket } from 'node:net';
import pg from 'pg';

/** Settings of our sessions: above all, Postgres prints every value the same way, in the snapshot and in the stream. */
const SESSION_SETTINGS = [
  'TimeZone=UTC',
  'DateStyle=ISO,YMD',
  'IntervalStyle=postgres',
  'extra_float_digits=1',
  'bytea_output=hex',
  'client_encoding=UTF8',
  // What we commit (heartbeats, marks, progress) is ours alone: it must not wait for a standby that is away.
  'synchronous_commit=local',
  // A server's limits are for those that forget their transactions; a snapshot is long on purpose.
  'statement_timeout=0',
  'idle_in_transaction_session_timeout=0',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

const CONNECT_TIMEOUT_MS = 5_000;

export interface ConnectOptions {
  readonly replication?: boolean;
  /** Called once when the connection breaks later on. */
  readonly onBroken?: (error: Error) => void;
}

/** A connection to the source. Throws `engine-unreachable`. */
export async function connectSource(url: string, options: ConnectOptions = {}): Promise<pg.Client> {
  const config: pg.ClientConfig & { replication?: string } = {
    connectionString: url,
    options: SESSION_SETTINGS,
    application_name: 'millrace-producers',
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...(options.replication === true ? { replication: 'database' } : {}),
  };
  const client = new pg.Client(config);
  // Without a listener a broken connection would end the process past every releaser.
  client.on('error', (error) => options.onBroken?.(error));
  try {
    await client.connect();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new PlatformError('engine-unreachable', `Postgres does not take a connection: ${message}`, { cause: error });
  }
  return client;
}

/**
 * Lets several users of one connection ask at any time: statements take turns, in the order in which they were asked. For promises alone, and without
 * transactions of several statements. (pg's own queue does the same, and is to go.)
 */
export function takingTurns(client: pg.Client): pg.Client {
  const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (...given: unknown[]): Promise<unknown> => {
    const answer = last.then(() => query(...given));
    last = answer.catch(() => undefined);
    return answer;
  };
  client.query = inTurn as typeof client.query;
  return client;
}

/** The SQLSTATE of an error of Postgres; '' for others. */
export function sqlState(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const CONNECTION_ENDED =
  /^(Connection terminated|Client (has encountered a connection error|was closed) and is not queryable)/;

/** Whether a statement failed because its connection, or the server, went away: not the statement's fault. */
export function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return /^(57P|08|ECONN|EPIPE)/.test(sqlState(error)) || CONNECTION_ENDED.test(error.message);
}

/** What pg's client has and its typings leave out. */
interface ClientInside {
  readonly connection: { readonly stream: Socket };
}

const GOODBYE_MS = 1_000;

/** Ends the connection, whatever state it is in; one whose other end does not answer is cut off. */
export async function endQuietly(client: pg.Client): Promise<void> {
  const cut = setTimeout(() => (client as unknown as ClientInside).connection.stream.destroy(), GOODBYE_MS);
  await client.end().catch(() => undefined);
  clearTimeout(cut);
}
