import { Problem } from '../processes/index.ts';

/** An environment as given; nothing here reads the process's own. */
export type Environment = Readonly<Record<string, string | undefined>>;

export type EngineName = 'postgres' | 'kafka' | 'schema-registry' | 'search' | 'redis' | 'clickhouse';

/** The variable that names each engine's address. A local engine is moved by pointing its variable at another local port. */
export const addressVariables: Readonly<Record<EngineName, string>> = {
  postgres: 'DATABASE_URL',
  kafka: 'KAFKA_BROKERS',
  'schema-registry': 'SCHEMA_REGISTRY_URL',
  search: 'ELASTICSEARCH_URL',
  redis: 'REDIS_URL',
  clickhouse: 'CLICKHOUSE_URL',
};

export const engineNames = Object.keys(addressVariables) as EngineName[];

/** Where the engines are, as every deployable is told. */
export interface EngineAddresses {
  readonly databaseUrl: string;
  readonly kafkaBrokers: readonly string[];
  readonly schemaRegistryUrl: string;
  readonly elasticsearchUrl: string;
  readonly searchFlavor: 'opensearch' | 'elasticsearch';
  readonly redisUrl: string;
  readonly clickhouseUrl: string;
}

const defaultAddresses: Readonly<Record<EngineName, string>> = {
  postgres: 'postgres://millrace:millrace@127.0.0.1:15432/millrace',
  kafka: '127.0.0.1:19092',
  'schema-registry': 'http://127.0.0.1:18081',
  search: 'http://127.0.0.1:19200',
  redis: 'redis://127.0.0.1:16379',
  clickhouse: 'http://127.0.0.1:18123',
};

/** The text of one engine's address: the environment's, else the default. */
export function addressOf(name: EngineName, env: Environment): string {
  const given = env[addressVariables[name]];
  return given === undefined || given === '' ? defaultAddresses[name] : given;
}

/**
 * @throws Problem for an address that cannot be read, or a `SEARCH_FLAVOR` that is neither of the two. The flavour
 * defaults to opensearch (the local engine), also for an explicit address.
 */
export function addressesFrom(env: Environment): EngineAddresses {
  for (const name of engineNames) endpointOf(name, env);
  const searchFlavor = env['SEARCH_FLAVOR'] ?? 'opensearch';
  if (searchFlavor !== 'opensearch' && searchFlavor !== 'elasticsearch') {
    throw new Problem(`SEARCH_FLAVOR must be opensearch or elasticsearch, not "${searchFlavor}".`);
  }
  return {
    databaseUrl: addressOf('postgres', env),
    kafkaBrokers: addressOf('kafka', env).split(','),
    schemaRegistryUrl: addressOf('schema-registry', env),
    elasticsearchUrl: addressOf('search', env),
    searchFlavor,
    redisUrl: addressOf('redis', env),
    clickhouseUrl: addressOf('clickhouse', env),
  };
}

/** The same addresses as environment variables. */
export function addressVariablesOf(addresses: EngineAddresses): Record<string, string> {
  return {
    DATABASE_URL: addresses.databaseUrl,
    KAFKA_BROKERS: addresses.kafkaBrokers.join(','),
    SCHEMA_REGISTRY_URL: addresses.schemaRegistryUrl,
    ELASTICSEARCH_URL: addresses.elasticsearchUrl,
    SEARCH_FLAVOR: addresses.searchFlavor,
    REDIS_URL: addresses.redisUrl,
    CLICKHOUSE_URL: addresses.clickhouseUrl,
  };
}

/** Host and port of an engine's address. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** The environment names it (rather than the default applying). */
  readonly explicit: boolean;
}

const defaultPorts: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'redis:': 6379,
  'rediss:': 6379,
  'postgres:': 5432,
  'postgresql:': 5432,
};

export function endpointOf(name: EngineName, env: Environment): Endpoint {
  const text = addressOf(name, env);
  const explicit = (env[addressVariables[name]] ?? '') !== '';
  // Of several nodes the first stands for all.
  const [first = ''] = text.split(',');
  const url = name === 'kafka' ? `kafka://${first}` : name === 'redis' ? first : text;
  if (!URL.canParse(url)) throw new Problem(`${addressVariables[name]} is not an address: "${redacted(text)}".`);
  const { hostname, port, protocol } = new URL(url);
  return { host: hostname, port: port === '' ? (defaultPorts[protocol] ?? 9092) : Number(port), explicit };
}

const redacted = (text: string): string => text.replace(/:\/\/[^@/]*@/, '://***@');

/** Whether an address can be of an engine that we run here. */
export function isLoopback(endpoint: Endpoint): boolean {
  return endpoint.host === '127.0.0.1' || endpoint.host === 'localhost' || endpoint.host === '[::1]';
}
