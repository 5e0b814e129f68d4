import { catalogue, ensureDownloads } from '@millrace/infra-local/downloads';
import { kafkaClusterSpecs, planEngines } from '@millrace/infra-local/engines';
import { defaultHome, homeOf, startPlatform } from '@millrace/infra-local/supervisor';
import { environment } from '@millrace/kernel/config';
import type { ChaosEngines } from '../place.ts';
import { EnginesUnderFire, Gate } from './engines-under-fire.ts';
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

const DATABASE_URL = 'postgres://millrace:millrace@127.0.0.1:31732/millrace';
const SCHEMA_REGISTRY_URL = 'http://127.0.0.1:31781';
/** Each broker's controller listens one port above. */
const FIRST_BROKER_PORT = 31_792;
const NEEDED = new Set(['postgres', 'kafka', 'schema-registry']);

/** @param postgres settings of its server beyond Millrace's own. */
export async function startOwnEngines(
  folder: string,
  brokers: number,
  postgres: Readonly<Record<string, string>> = {},
): Promise<OwnEngines> {
  const { PATH, HOME, JAVA_HOME, ...inherited } = environment();
  const { downloads } = defaultHome(inherited);
  const home = homeOf(folder, downloads);
  const ports = Array.from({ length: brokers }, (_, index) => FIRST_BROKER_PORT + 2 * index);
  const kafkaBrokers = ports.map((port) => `127.0.0.1:${port}`);
  const env = { PATH, HOME, JAVA_HOME, DATABASE_URL, SCHEMA_REGISTRY_URL, KAFKA_BROKERS: kafkaBrokers.join(',') };
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
  const others = plan.specs
    .filter(({ name }) => NEEDED.has(name) && name !== 'kafka')
    .map((spec) => (spec.name === 'postgres' ? { ...spec, args: [...spec.args, ...asFlags(postgres)] } : spec));
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
    databaseUrl: DATABASE_URL,
    kafkaBrokers,
    schemaRegistryUrl: SCHEMA_REGISTRY_URL,
    brokers,
    breakDown: (fault) => underFire.breakDown(fault),
    whole: () => underFire.whole(),
    async stop() {
      await underFire.end();
      await platform.stop();
    },
  };
}

function asFlags(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
