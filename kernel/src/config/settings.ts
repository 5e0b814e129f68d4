import { z } from 'zod';
import { redisAddress } from '../redis-client/address.ts';
import type { Setting } from './index.ts';

function entry<S extends z.ZodType>(env: string, schema: S, description: string): Setting<S> {
  return { env, schema, description };
}

const port = (fallback: number) => z.coerce.number().int().min(0).max(65535).default(fallback);
const name = (fallback: string, pattern = /^[a-zA-Z0-9_.-]*$/) => z.string().regex(pattern).default(fallback);

/** Where the engines are. Defaults are the pinned local ports. */
export const connectionSettings = {
  databaseUrl: entry(
    'DATABASE_URL',
    z
      .string()
      .regex(/^postgres(ql)?:\/\//)
      .default('postgres://millrace:millrace@127.0.0.1:15432/millrace'),
    'Postgres, the source',
  ),
  kafkaBrokers: entry(
    'KAFKA_BROKERS',
    z
      .string()
      .default('127.0.0.1:19092')
      .transform((text) => text.split(',').map((broker) => broker.trim())),
    'Kafka bootstrap brokers, separated by commas',
  ),
  schemaRegistryUrl: entry('SCHEMA_REGISTRY_URL', z.url().default('http://127.0.0.1:18081'), 'Schema registry'),
  elasticsearchUrl: entry('ELASTICSEARCH_URL', z.url().default('http://127.0.0.1:19200'), 'Search server'),
  searchFlavor: entry(
    'SEARCH_FLAVOR',
    z.enum(['elasticsearch', 'opensearch']).default('opensearch'),
    'Which search server answers: elasticsearch or opensearch',
  ),
  redisUrl: entry(
    'REDIS_URL',
    z
      .string()
      .superRefine((text, context) => {
        try {
          redisAddress(text);
        } catch (error) {
          context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
        }
      })
      .default('redis://127.0.0.1:16379'),
    'Redis; several addresses with commas between, or one with ?cluster=true, are a Redis Cluster',
  ),
  clickhouseUrl: entry('CLICKHOUSE_URL', z.url().default('http://127.0.0.1:18123'), 'ClickHouse over HTTP'),
} as const;

/** Names that keep several platforms apart on the same engines. */
export const namingSettings = {
  topicPrefix: entry('TOPIC_PREFIX', name(''), 'Put before every topic name'),
  redisKeyPrefix: entry('REDIS_KEY_PREFIX', z.string().default(''), 'Put before every Redis key'),
  searchIndexPrefix: entry(
    'SEARCH_INDEX_PREFIX',
    name('', /^[a-z0-9_.-]*$/),
    'Put before every search index and alias',
  ),
  clickhouseDatabase: entry('CLICKHOUSE_DATABASE', name('millrace', /^[a-z][a-z0-9_]*$/), 'ClickHouse database'),
  slotName: entry('SLOT_NAME', name('millrace', /^[a-z0-9_]{1,63}$/), 'Logical replication slot'),
  publicationName: entry('PUBLICATION_NAME', name('millrace', /^[a-z0-9_]{1,63}$/), 'Publication'),
} as const;

/** What every deployable has. `host` stays on loopback unless told otherwise. */
export function serviceSettings(healthPort: number) {
  return {
    host: entry('HOST', z.string().default('127.0.0.1'), 'Address to listen on'),
    healthPort: entry('HEALTH_PORT', port(healthPort), 'Port of /health, /ready and /metrics'),
    logLevel: entry(
      'LOG_LEVEL',
      z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
      'Least severe level that is logged',
    ),
  } as const;
}
