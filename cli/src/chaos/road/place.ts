import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultHome, homeOf } from '@millrace/infra-local/supervisor';
import type { Home } from '@millrace/infra-local/supervisor';
import { environment, loadConfig } from '@millrace/kernel/config';
import { cliSettings } from '../../config/index.ts';
import type { CliConfig } from '../../config/index.ts';

/** Where a whole platform is tried: folders, ports and names of its own. */
export interface RoadPlace {
  readonly folder: string;
  /** Engines and deployables are two platforms, so that what is tried starts when the engines are prepared. */
  readonly engines: Home;
  readonly deployables: Home;
  /** Variables of every deployable, and of the operator's command. */
  readonly environment: Readonly<Record<string, string>>;
  readonly config: CliConfig;
  /** Health port of the n-th deployable, from 0 on. */
  readonly healthPort: (index: number) => number;
}

const PARTITIONS = 4;
/** Of the hundred, from here on: a deployable each. */
const HEALTH_PORTS = 1;

/**
 * @param firstPort of a hundred: health ports from 1 on, search at 20 (and its transport a hundred above), ClickHouse 23, Postgres 32, Redis 79, the
 * registry 81, Kafka 92 and 93.
 */
export async function roadPlace(name: string, firstPort: number): Promise<RoadPlace> {
  const inherited = environment();
  const { folder: parent, downloads } = defaultHome(inherited);
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, `${name}-`));
  const at = (offset: number): string => `127.0.0.1:${firstPort + offset}`;
  const variables = {
    DATABASE_URL: `postgres://millrace:millrace@${at(32)}/millrace`,
    KAFKA_BROKERS: at(92),
    SCHEMA_REGISTRY_URL: `http://${at(81)}`,
    ELASTICSEARCH_URL: `http://${at(20)}`,
    SEARCH_FLAVOR: 'opensearch',
    REDIS_URL: `redis://${at(79)}`,
    CLICKHOUSE_URL: `http://${at(23)}`,
    PARTITIONS: String(PARTITIONS),
    SPOOL_FOLDER: join(folder, 'spool'),
    LOG_LEVEL: 'info',
  };
  return {
    folder,
    engines: homeOf(join(folder, 'engines'), downloads),
    deployables: homeOf(join(folder, 'deployables'), downloads),
    environment: variables,
    config: loadConfig(cliSettings, variables),
    healthPort: (index) => firstPort + HEALTH_PORTS + index,
  };
}
