import { loadConfig } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import { createAccessTokens, createPositionTokens, createTextSigner } from '@millrace/kernel/security';
import { createMetrics, silentLogger } from '@millrace/kernel/telemetry';
import type { App } from '../app/app-type.ts';
import { buildApp } from '../app/build-app.ts';
import type { AppDependencies } from '../app/build-app.ts';
import { apiSettings } from '../settings.ts';
import { WatermarkWaiter } from '../views/watermark-waiter.ts';

const away = (): Promise<never> =>
  Promise.reject(new PlatformError('engine-unreachable', 'The database does not answer.'));

/** The API with no engine behind it: every call to one fails as if it were away, unless replaced. */
export async function stubApp(replaced: Partial<AppDependencies> = {}): Promise<App> {
  const config = loadConfig(apiSettings, {});
  const secret = config.authSecret.reveal();
  const waiter = new WatermarkWaiter({ read: away, partitions: 4, pollMs: 1 });
  const sql = { rows: away, first: away, run: away };
  const app = await buildApp({
    logger: silentLogger(),
    metrics: createMetrics('stub'),
    database: { ...sql, transaction: away, snapshot: away, position: away, close: () => Promise.resolve() },
    views: { entry: away, entries: away, page: away, marks: away, ping: away, close: () => Promise.resolve() },
    viewWaiter: waiter,
    search: { search: away, suggest: away, marks: away, ping: away, close: () => Promise.resolve() },
    searchWaiter: waiter,
    source: { read: away },
    partitions: 4,
    accessTokens: createAccessTokens(secret),
    positionTokens: createPositionTokens(secret),
    cursors: createTextSigner(secret, 'cursor'),
    demo: true,
    bodyLimitBytes: config.bodyLimitBytes,
    realtimeUrl: config.realtimeUrl,
    ...replaced,
  });
  await app.ready();
  return app;
}
