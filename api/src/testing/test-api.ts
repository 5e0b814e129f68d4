import { randomBytes } from 'node:crypto';
import { Client as PostgresClient } from 'pg';
import { createTestDatabase } from '@millrace/database/testing';
import { testEngines } from '@millrace/infra-local/testing';
import { loadConfig } from '@millrace/kernel/config';
import { Releasers } from '@millrace/kernel/lifecycle';
import { connectRedis, createRedisClient, removeFromRedis } from '@millrace/kernel/redis-client';
import type { RedisClient } from '@millrace/kernel/redis-client';
import { createAccessTokens, createPositionTokens } from '@millrace/kernel/security';
import type { PositionTokens, Principal, Role } from '@millrace/kernel/security';
import { createMetrics, silentLogger } from '@millrace/kernel/telemetry';
import type { App } from '../app/app-type.ts';
import { connectedApp } from '../app/service.ts';
import { apiSettings } from '../settings.ts';
import { principalOf } from './principals.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Record<string, never> & { readonly [member: string]: unknown };
}

export interface Call {
  readonly as?: Role | Principal | 'nobody';
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The whole API on a database, Redis prefix and search prefix of its own. */
export interface TestApi {
  readonly app: App;
  readonly sql: PostgresClient;
  readonly redis: RedisClient;
  readonly redisPrefix: string;
  readonly searchPrefix: string;
  readonly positions: PositionTokens;
  /** As admin, with a new Idempotency-Key on every POST, unless told otherwise. */
  call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, call?: Call): Promise<Answer>;
  close(): Promise<void>;
}

export async function startTestApi(env: Record<string, string> = {}): Promise<TestApi> {
  const engines = testEngines();
  const database = await createTestDatabase();
  const suffix = randomBytes(6).toString('hex');
  const redisPrefix = `test-${suffix}:`;
  const searchPrefix = `test-${suffix}-`;
  const config = loadConfig(apiSettings, {
    DATABASE_URL: database.url,
    REDIS_URL: engines.redisUrl,
    REDIS_KEY_PREFIX: redisPrefix,
    ELASTICSEARCH_URL: engines.elasticsearchUrl,
    SEARCH_FLAVOR: engines.searchFlavor,
    SEARCH_INDEX_PREFIX: searchPrefix,
    ...env,
  });
  const releasers = new Releasers();
  const metrics = createMetrics('api-test');
  const { app } = await connectedApp({ config, logger: silentLogger(), metrics, releasers });
  const sql = new PostgresClient({ connectionString: database.url });
  await sql.connect();
  const redis = createRedisClient(engines.redisUrl, { commandTimeoutMs: 15_000 });
  await connectRedis(redis);
  await app.ready();
  const accessTokens = createAccessTokens(config.authSecret.reveal());
  return {
    app,
    sql,
    redis,
    redisPrefix,
    searchPrefix,
    positions: createPositionTokens(config.authSecret.reveal()),
    async call(method, url, { as = 'admin', key = randomBytes(8).toString('hex'), headers = {}, body } = {}) {
      const principal = typeof as === 'string' && as !== 'nobody' ? principalOf(as) : as;
      const answer = await app.inject({
        method,
        url,
        headers: {
          ...(principal === 'nobody' ? {} : { authorization: `Bearer ${await accessTokens.sign(principal, 60)}` }),
          ...(method === 'POST' && key !== null ? { 'idempotency-key': key } : {}),
          ...headers,
        },
        ...(body === undefined ? {} : { payload: body as object }),
      });
      const isJson = String(answer.headers['content-type']).includes('json');
      return {
        status: answer.statusCode,
        headers: answer.headers as Record<string, string>,
        body: (isJson ? JSON.parse(answer.payload) : { text: answer.payload }) as Answer['body'],
      };
    },
    async close() {
      await app.close();
      await releasers.release();
      await sql.end();
      await removeFromRedis(redis, `${redisPrefix}*`);
      redis.disconnect();
      await database.drop();
    },
  };
}
