import { PlatformError } from '../errors/index.ts';

/** Where Redis is, and how to be let in. */
export interface RedisAddress {
  /** One server; or nodes of a cluster, of which one that answers is enough to find the others. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly isCluster: boolean;
  readonly username?: string;
  readonly password?: string;
  /** Always 0 in a cluster, which has no other. */
  readonly db: number;
  readonly isEncrypted: boolean;
}

const DEFAULT_PORT = 6379;

/**
 * Reads `REDIS_URL`: `redis://host:port` (`rediss://` for TLS) is one server, several of them with commas between are nodes of a cluster
 * (user and password of the first hold for all). One address that stands for a whole cluster says so: `redis://host:port?cluster=true`.
 * Throws `config-invalid` for anything else; the message holds no password.
 */
export function redisAddress(text: string): RedisAddress {
  const [first, ...others] = text.split(',').map((part) => urlOf(part.trim()));
  if (first === undefined) throw invalid('it is empty');
  const all = [first, ...others];
  const said = first.searchParams.get('cluster');
  if (said !== null && said !== 'true' && said !== 'false') throw invalid('cluster is true or false');
  if (said === 'false' && others.length > 0) throw invalid('several addresses are nodes of a cluster');
  const isCluster = others.length > 0 || said === 'true';
  const db = Number(first.pathname.slice(1));
  if (!Number.isInteger(db) || db < 0) throw invalid('what follows the port is the number of a database');
  if (isCluster && db !== 0) throw invalid('a cluster has no database but 0');
  if (all.some(({ protocol }) => protocol !== first.protocol))
    throw invalid('all nodes are reached with TLS, or none is');
  return {
    nodes: all.map(({ hostname, port }) => ({
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? DEFAULT_PORT : Number(port),
    })),
    isCluster,
    ...(first.username === '' ? {} : { username: decodeURIComponent(first.username) }),
    ...(first.password === '' ? {} : { password: decodeURIComponent(first.password) }),
    db,
    isEncrypted: first.protocol === 'rediss:',
  };
}

function urlOf(text: string): URL {
  // Of later nodes the host and port are enough.
  const full = /^rediss?:\/\//.test(text) ? text : `redis://${text}`;
  const url = URL.canParse(full) ? new URL(full) : null;
  if (url === null || url.hostname === '') throw invalid('it holds something that is no address');
  return url;
}

function invalid(why: string): PlatformError {
  return new PlatformError('config-invalid', `REDIS_URL: ${why} (redis://host:port, or several with commas between)`);
}
