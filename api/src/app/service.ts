import type { ConfigOf } from '@millrace/kernel/config';
import { PlatformError, asPlatformError } from '@millrace/kernel/errors';
import type { Service, ServiceContext } from '@millrace/kernel/lifecycle';
import { sleep } from '@millrace/kernel/retry';
import { createSearchClient } from '@millrace/kernel/search-client';
import { createAccessTokens, createPositionTokens, createTextSigner } from '@millrace/kernel/security';
import { connectDatabase } from '../database/database.ts';
import type { Database } from '../database/database.ts';
import { deleteExpired } from '../idempotency/key-store.ts';
import { createSearchReader } from '../search/search-reader.ts';
import { SynonymFile, noSynonyms } from '../search/synonym-file.ts';
import type { apiSettings } from '../settings.ts';
import { createSourceObjects } from '../source/source-objects.ts';
import { connectViewStore } from '../views/view-store.ts';
import { WatermarkWaiter } from '../views/watermark-waiter.ts';
import type { App } from './app-type.ts';
import { buildApp } from './build-app.ts';

export type ApiConfig = ConfigOf<typeof apiSettings>;

const REDIS_POLL_MS = 2;
const SEARCH_POLL_MS = 20;
/** Somebody waits for the answer. */
const SEARCH_TIMEOUT_MS = 5_000;
const CLEANING_PERIOD_MS = 600_000;

/** Connects, builds and listens. The service's run ends when it is told to stop and every request in hand is answered. */
export async function apiService(context: ServiceContext<ApiConfig>): Promise<Service> {
  const { config, logger, releasers } = context;
  const { app, database } = await connectedApp(context);
  releasers.push('http server', () => app.close());
  try {
    await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new PlatformError(
      'port-in-use',
      `Port ${config.port} is in use: end the program that has it, or set API_PORT to another.`,
      { cause: error },
    );
  }
  logger.info({ host: config.host, port: config.port, auth: config.auth }, 'the API listens');
  return {
    ready: () => ({ ready: true }),
    async run(signal) {
      while (!signal.aborted) {
        await deleteExpired(database).catch((error: unknown) => {
          logger.warn({ err: asPlatformError(error) }, 'expired idempotency keys were not deleted, tried again later');
        });
        await sleep(CLEANING_PERIOD_MS, signal).catch(() => undefined);
      }
      await app.close();
    },
  };
}

/** The API with its connections, not listening; they are released with the context. */
export async function connectedApp({
  config,
  logger,
  metrics,
  releasers,
}: ServiceContext<ApiConfig>): Promise<{ app: App; database: Database }> {
  const { partitions } = config;
  const secret = config.authSecret.reveal();
  const database = connectDatabase({
    url: config.databaseUrl,
    slotName: config.slotName,
    poolSize: config.poolSize,
    statementTimeoutMs: config.statementTimeoutMs,
    logger,
  });
  releasers.push('database', () => database.close());
  const views = connectViewStore({ url: config.redisUrl, keyPrefix: config.redisKeyPrefix, partitions, logger });
  releasers.push('view store', () => views.close());
  const client = createSearchClient(config.elasticsearchUrl, config.searchFlavor, SEARCH_TIMEOUT_MS);
  releasers.push('search', () => client.close());
  const path = config.searchSynonymsFile;
  const synonyms = path === '' ? noSynonyms : await SynonymFile.open({ path, logger });
  const search = createSearchReader(client, { prefix: config.searchIndexPrefix, partitions, synonyms });
  const app = await buildApp({
    logger,
    metrics,
    database,
    views,
    viewWaiter: new WatermarkWaiter({ read: (view) => views.marks(view), partitions, pollMs: REDIS_POLL_MS }),
    search,
    searchWaiter: new WatermarkWaiter({ read: (view) => search.marks(view), partitions, pollMs: SEARCH_POLL_MS }),
    source: createSourceObjects(database),
    partitions,
    accessTokens: createAccessTokens(secret),
    positionTokens: createPositionTokens(secret),
    cursors: createTextSigner(secret, 'cursor'),
    demo: config.auth === 'demo',
    bodyLimitBytes: config.bodyLimitBytes,
    realtimeUrl: config.realtimeUrl,
  });
  return { app, database };
}
