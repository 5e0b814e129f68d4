import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cliSettings } from '@millrace/cli/config';
import type { CliConfig } from '@millrace/cli/config';
import { clearStores } from '@millrace/cli/lag';
import { prepare } from '@millrace/cli/prepare';
import { createTestDatabase } from '@millrace/database/testing';
import { defaultServices, homeOf, startPlatform } from '@millrace/infra-local/supervisor';
import type { EngineAddresses, Platform } from '@millrace/infra-local/supervisor';
import { testEngines } from '@millrace/infra-local/testing';
import { environment, loadConfig } from '@millrace/kernel/config';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { silentLogger } from '@millrace/kernel/telemetry';

/** Every deployable, built, as processes of its own under the real supervisor, on names and a database of its own. */
export interface Road {
  readonly config: CliConfig;
  readonly platform: Platform;
  /** Variables of the deployables. */
  readonly env: Readonly<Record<string, string>>;
  /** Of each deployable that has a port for its health alone. */
  readonly healthPorts: Readonly<Record<string, number>>;
  /** Stops the processes and removes what the road left in the shared engines. */
  end(): Promise<void>;
}

const PARTITIONS = 2;

/** A road over the shared test engines. */
export async function startRoad(): Promise<Road> {
  const name = `road${randomBytes(4).toString('hex')}`;
  const database = await createTestDatabase();
  const engines = testEngines();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-'));
  const env = {
    ...(await roadEnvironment(name, { ...engines, databaseUrl: database.url })),
    STATE_DIR: join(folder, 'state'),
  };
  const config = loadConfig(cliSettings, env);
  try {
    await prepare(config);
    const deployables = await services(env);
    const platform = await startPlatform({
      home: homeOf(folder),
      env: { ...inherited(), ...env },
      engines: [],
      services: deployables,
    });
    return {
      config,
      platform,
      env,
      healthPorts: Object.fromEntries(deployables.map(({ name, port }) => [name, port])),
      async end() {
        await platform.stop();
        await removeFromEngines(config);
        await database.drop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await database.drop();
    throw error;
  }
}

/** What a process needs of ours to run at all: the program path and a home. */
export function inherited(): Record<string, string | undefined> {
  const { PATH, HOME, JAVA_HOME } = environment();
  return { PATH, HOME, JAVA_HOME };
}

export async function roadEnvironment(name: string, engines: EngineAddresses): Promise<Record<string, string>> {
  const [api, realtime] = await freePorts(2);
  return {
    DATABASE_URL: engines.databaseUrl,
    KAFKA_BROKERS: engines.kafkaBrokers.join(','),
    SCHEMA_REGISTRY_URL: engines.schemaRegistryUrl,
    ELASTICSEARCH_URL: engines.elasticsearchUrl,
    SEARCH_FLAVOR: engines.searchFlavor,
    REDIS_URL: engines.redisUrl,
    CLICKHOUSE_URL: engines.clickhouseUrl,
    TOPIC_PREFIX: `${name}.`,
    REDIS_KEY_PREFIX: `${name}:`,
    SEARCH_INDEX_PREFIX: `${name}-`,
    CLICKHOUSE_DATABASE: name,
    SLOT_NAME: name,
    PARTITIONS: String(PARTITIONS),
    AUTH: 'demo',
    LOG_LEVEL: 'warn',
    API_PORT: String(api),
    API_URL: `http://127.0.0.1:${api}`,
    REALTIME_PORT: String(realtime),
    REALTIME_URL: `ws://127.0.0.1:${realtime}/rt`,
  };
}

/** The five deployables with health ports of their own. */
export async function services(env: Readonly<Record<string, string>>) {
  const ports = await freePorts(defaultServices.length);
  return defaultServices.map((service, index) =>
    service.portVariable === 'HEALTH_PORT' ? { ...service, port: ports[index] ?? 0, env } : { ...service, env },
  );
}

const FIRST_PORT = 20_000;
const PORTS = 4_000;

/** Below the ports that outgoing connections are given: one of those may be taken while its owner is being restarted. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = FIRST_PORT + randomInt(PORTS);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

async function removeFromEngines(config: CliConfig): Promise<void> {
  const log = createKafkaLog({ brokers: config.kafkaBrokers, clientId: 'tests', logger: silentLogger() });
  const own = (await log.admin.listTopics()).filter((topic) => topic.startsWith(config.topicPrefix));
  await log.admin.deleteTopics(own);
  await log.close();
  await clearStores(config);
}
