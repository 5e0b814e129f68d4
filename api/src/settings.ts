import { connectionSettings, environment, namingSettings, serviceSettings, setting, z } from '@millrace/kernel/config';
import { securitySettings } from '@millrace/kernel/security';
import { partitionsSetting } from '@millrace/schemas/topics';

const { host, logLevel } = serviceSettings(0);
const { REALTIME_PORT = '8090' } = environment();
const milliseconds = (fallback: number) => z.coerce.number().int().min(1).max(600_000).default(fallback);

/** Everything the API reads from its environment. */
export const apiSettings = {
  host,
  logLevel,
  port: setting(
    'API_PORT',
    z.coerce.number().int().min(0).max(65535).default(8080),
    'Port of the API, the shop and the console',
  ),
  databaseUrl: connectionSettings.databaseUrl,
  redisUrl: connectionSettings.redisUrl,
  elasticsearchUrl: connectionSettings.elasticsearchUrl,
  searchFlavor: connectionSettings.searchFlavor,
  slotName: namingSettings.slotName,
  redisKeyPrefix: namingSettings.redisKeyPrefix,
  searchIndexPrefix: namingSettings.searchIndexPrefix,
  ...securitySettings,
  poolSize: setting(
    'API_POOL_SIZE',
    z.coerce.number().int().min(1).max(200).default(16),
    'Most connections to Postgres',
  ),
  statementTimeoutMs: setting(
    'API_STATEMENT_TIMEOUT_MS',
    milliseconds(5_000),
    'Postgres ends a statement of the API after this long',
  ),
  searchSynonymsFile: setting(
    'SEARCH_SYNONYMS_FILE',
    z.string().default(''),
    'Synonyms for searches, read again when the file changes; none if empty',
  ),
  bodyLimitBytes: setting(
    'API_BODY_LIMIT_BYTES',
    z.coerce.number().int().min(1_024).default(262_144),
    'Largest request body',
  ),
  partitions: partitionsSetting,
  realtimeUrl: setting(
    'REALTIME_URL',
    z
      .string()
      .regex(/^wss?:\/\//)
      .default(`ws://127.0.0.1:${REALTIME_PORT}/rt`),
    'Gateway that the demo shop connects to',
  ),
} as const;
