import { catalogue, ensureDownloads } from '@millrace/infra-local/downloads';
import { planEngines } from '@millrace/infra-local/engines';
import { defaultHome, homeOf, startPlatform } from '@millrace/infra-local/supervisor';
import type { Platform } from '@millrace/infra-local/supervisor';
import { environment } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import { sleep } from '@millrace/kernel/retry';
import type { ChaosEngines } from '../place.ts';

/** Engines that a campaign may kill: its own, apart from those that run, with their data in a folder of their own. */
export interface OwnEngines extends ChaosEngines {
  /** kill −9; resolves when the supervisor has brought it back. */
  restart(engine: 'kafka' | 'postgres'): Promise<void>;
  stop(): Promise<void>;
}

const ADDRESSES = {
  DATABASE_URL: 'postgres://millrace:millrace@127.0.0.1:31532/millrace',
  KAFKA_BROKERS: '127.0.0.1:31192',
  SCHEMA_REGISTRY_URL: 'http://127.0.0.1:31181',
};
const NEEDED = new Set(['postgres', 'kafka', 'schema-registry']);
const BACK_MS = 120_000;
const LOOK_MS = 100;

export async function startOwnEngines(folder: string): Promise<OwnEngines> {
  const { PATH, HOME, JAVA_HOME, ...inherited } = environment();
  const { downloads } = defaultHome(inherited);
  const home = homeOf(folder, downloads);
  const env = { PATH, HOME, JAVA_HOME, ...ADDRESSES };
  const plan = await planEngines(home, env, true);
  const engines = plan.specs.filter(({ name }) => NEEDED.has(name));
  await ensureDownloads(
    downloads,
    catalogue.filter(({ engine }) => NEEDED.has(engine)),
    { onProgress: () => undefined, signal: new AbortController().signal },
  );
  const platform = await startPlatform({ home, env, engines, services: [], ownEngines: true });
  return {
    databaseUrl: ADDRESSES.DATABASE_URL,
    kafkaBrokers: [ADDRESSES.KAFKA_BROKERS],
    schemaRegistryUrl: ADDRESSES.SCHEMA_REGISTRY_URL,
    async restart(engine) {
      const before = restartsOf(platform, engine);
      platform.kill(engine);
      const deadlineMs = performance.now() + BACK_MS;
      while (restartsOf(platform, engine) === before || platform.status().state !== 'ready') {
        if (performance.now() > deadlineMs) throw new PlatformError('engine-died', `${engine} did not come back`);
        await sleep(LOOK_MS);
      }
    },
    stop: () => platform.stop(),
  };
}

function restartsOf(platform: Platform, engine: string): number {
  return platform.status().engines.find(({ name }) => name === engine)?.restarts ?? 0;
}
