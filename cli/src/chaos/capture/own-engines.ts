import { catalogue, ensureDownloads } from '@millrace/infra-local/downloads';
import { kafkaClusterSpecs, planEngines } from '@millrace/infra-local/engines';
import { defaultHome, homeOf, startPlatform } from '@millrace/infra-local/supervisor';
import { environment } from '@millrace/kernel/config';
import { Gate } from '../gate.ts';
import type { ChaosEngines } from '../place.ts';
import { EnginesUnderFire } from './engines-under-fire.ts';
import type { EngineFault } from './faults.ts';

/** Engines that a campaign may break: its own, apart from those that run, with their data in a folder of their own. */
export interface OwnEngines extends ChaosEngines {
  readonly brokers: number;
  /**
   * Resolves when Postgres is back; of brokers, when the damage is done: the campaign goes on without them. One at a time: a fault waits until
   * the one before is over. Rejects where an engine did not come back.
   */
  breakDown(fault: EngineFault): Promise<void>;
  /** Resolves when every engine works. Rejects where one did not come back. */
  whole(): Promise<void>;
  stop(): Promise<void>;
}

const FIRST_PORT = 31_700;
const NEEDED = new Set(['postgres', 'kafka', 'schema-registry']);

/**
 * @param folder where their data is; a cluster's belongs to its number of brokers.
 * @param firstPort of a hundred: Postgres at 32, the registry at 81, brokers from 92 on, each one's controller a port above.
 */
export async function startOwnEngines(folder: string, brokers: number, firstPort = FIRST_PORT): Promise<OwnEngines> {
  const { PATH, HOME, JAVA_HOME, ...inherited } = environment();
  const { downloads } = defaultHome(inherited);
  const home = homeOf(folder, downloads);
  const databaseUrl = `postgres://millrace:millrace@127.0.0.1:${firstPort + 32}/millrace`;
  const schemaRegistryUrl = `http://127.0.0.1:${firstPort + 81}`;
  const ports = Array.from({ length: brokers }, (_, index) => firstPort + 92 + 2 * index);
  const kafkaBrokers = ports.map((port) => `127.0.0.1:${port}`);
  const addresses = { DATABASE_URL: databaseUrl, SCHEMA_REGISTRY_URL: schemaRegistryUrl };
  const env = { PATH, HOME, JAVA_HOME, ...addresses, KAFKA_BROKERS: kafkaBrokers.join(',') };
  const plan = await planEngines(home, env, true);
  const gate = new Gate();
  const kafka = kafkaClusterSpecs(home, ports).map((spec) => ({
    ...spec,
    // Before every start.
    prepare: async () => {
      await gate.passed;
      await spec.prepare?.();
    },
  }));
  const others = plan.specs.filter(({ name }) => NEEDED.has(name) && name !== 'kafka');
  await ensureDownloads(
    downloads,
    catalogue.filter(({ engine }) => NEEDED.has(engine)),
    { onProgress: () => undefined, signal: new AbortController().signal },
  );
  const platform = await startPlatform({
    home,
    env,
    engines: [...kafka, ...others],
    services: [],
    ownEngines: true,
  });
  const underFire = new EnginesUnderFire(
    platform,
    kafka.map(({ name }) => name),
    gate,
  );
  return {
    databaseUrl,
    kafkaBrokers,
    schemaRegistryUrl,
    brokers,
    breakDown: (fault) => underFire.breakDown(fault),
    whole: () => underFire.whole(),
    async stop() {
      await underFire.end();
      await platform.stop();
    },
  };
}
