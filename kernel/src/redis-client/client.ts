import { Cluster, Redis } from 'ioredis';
import type { ClusterOptions, RedisOptions } from 'ioredis';
import { redisAddress } from './address.ts';
import type { RedisAddress } from './address.ts';

/** One server or a cluster: what is asked of either is found by its key. */
export type RedisClient = Redis | Cluster;

export interface RedisClientOptions {
  /** A command that is not answered by then fails; what it asked for may still happen. */
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs?: number;
  /** Given: a lost connection comes back by itself, with pauses up to this, ms. Left out: it is over, and the caller opens another. */
  readonly reconnectMs?: number;
}

const REDIRECTIONS = 8;
const RETRY_MS = 100;

/**
 * A client that fails at once while there is no connection, instead of queueing commands in memory: the caller is the one that waits. Commands in
 * flight when a connection breaks are not sent again. In a cluster it follows slots to where they are (MOVED, ASK); a node that is away fails
 * the commands for its slots. Not yet connected: see `connectRedis`.
 * Throws `config-invalid` for an address that cannot be read.
 */
export function createRedisClient(url: string, options: RedisClientOptions): RedisClient {
  const address = redisAddress(url);
  const client = address.isCluster ? createCluster(address, options) : createServer(address, options);
  // Each failed command says the same; without a listener the client would print the error.
  client.on('error', () => undefined);
  return client;
}

/** Resolves once commands can be sent, to every node of a cluster that holds slots; rejects where they cannot be now. */
export async function connectRedis(client: RedisClient): Promise<void> {
  if (client instanceof Redis) return client.connect();
  // A cluster that answers, but serves nothing for now, ends the client without a word to who waits for the connection.
  let over: (() => void) | undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    over = () => reject(new Error('the cluster does not serve: no node answers, or slots are without one'));
    client.once('end', over);
  });
  try {
    await Promise.race([client.connect(), ended]);
    // While a node is being connected to, commands for it fail: all of them are, before the first one.
    await Promise.all(client.nodes('master').map((node) => node.ping()));
  } finally {
    if (over !== undefined) client.off('end', over);
    ended.catch(() => undefined);
  }
}

/** Rejects where it does not answer, or is a cluster that serves nothing. */
export async function pingRedis(client: RedisClient): Promise<void> {
  if (client instanceof Redis) await client.ping();
  else if (!(await client.cluster('INFO')).includes('cluster_state:ok')) throw new Error('the cluster does not serve');
}

/** Whether keys are spread over several servers. */
export function isCluster(client: RedisClient): client is Cluster {
  return client instanceof Cluster;
}

function createServer(address: RedisAddress, options: RedisClientOptions): Redis {
  const [{ host, port } = { host: '', port: 0 }] = address.nodes;
  return new Redis(port, host, {
    ...connectionOf(address, options),
    db: address.db,
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: pausesOf(options.reconnectMs),
  });
}

function createCluster(address: RedisAddress, options: RedisClientOptions): Cluster {
  const pauses = pausesOf(options.reconnectMs);
  // Who comes back by himself also waits for a node to be replaced; who does not is told at once.
  const waitMs = options.reconnectMs === undefined ? 0 : RETRY_MS;
  const settings = {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: pauses,
    maxRedirections: REDIRECTIONS,
    retryDelayOnFailover: waitMs,
    retryDelayOnClusterDown: waitMs,
    slotsRefreshTimeout: options.connectTimeoutMs ?? 5_000,
    redisOptions: connectionOf(address, options),
  } satisfies ClusterOptions;
  return new Cluster([...address.nodes], settings);
}

function connectionOf(address: RedisAddress, options: RedisClientOptions) {
  const { username, password } = address;
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(address.isEncrypted ? { tls: {} } : {}),
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: options.connectTimeoutMs ?? 5_000,
    disconnectTimeout: 500,
    commandTimeout: options.commandTimeoutMs,
  } satisfies RedisOptions;
}

function pausesOf(mostMs: number | undefined): (attempt: number) => number | null {
  return (attempt) => (mostMs === undefined ? null : Math.min(mostMs, 20 * 2 ** Math.min(attempt, 6)));
}
