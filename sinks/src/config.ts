import {
  connectionSettings,
  namingSettings,
  secretSetting,
  serviceSettings,
  setting,
  z,
} from '@millrace/kernel/config';
import type { ConfigOf } from '@millrace/kernel/config';

export const sinkNames = ['redis', 'elasticsearch', 'clickhouse'] as const;
export type SinkName = (typeof sinkNames)[number];

const sinkList = z
  .string()
  .default(sinkNames.join(','))
  .transform((text) => text.split(',').map((name) => name.trim()))
  .pipe(z.array(z.enum(sinkNames)).min(1))
  .transform((names) => [...new Set(names)]);

const milliseconds = (fallback: number) => z.coerce.number().int().min(0).max(60_000).default(fallback);

const { kafkaBrokers, schemaRegistryUrl, elasticsearchUrl, searchFlavor, redisUrl, clickhouseUrl } = connectionSettings;
const { topicPrefix, redisKeyPrefix, searchIndexPrefix, clickhouseDatabase } = namingSettings;

export const sinksSettings = {
  ...serviceSettings(9403),
  kafkaBrokers,
  schemaRegistryUrl,
  elasticsearchUrl,
  searchFlavor,
  redisUrl,
  clickhouseUrl,
  topicPrefix,
  redisKeyPrefix,
  searchIndexPrefix,
  clickhouseDatabase,
  sinks: setting('SINKS', sinkList, 'Stores that this process follows, separated by commas'),
  searchRefreshMs: setting(
    'SEARCH_REFRESH_MS',
    milliseconds(700),
    'Least ms between two refreshes of the search index',
  ),
  clickhouseLingerMs: setting('CLICKHOUSE_LINGER_MS', milliseconds(600), 'Most ms an entry waits to share an insert'),
  customerKeySecret: secretSetting(
    'CUSTOMER_KEY_SECRET',
    "Key of the customers' pseudonyms in ClickHouse; another key gives other pseudonyms",
    'millrace-demo-customer-key',
  ),
};

export type SinksConfig = ConfigOf<typeof sinksSettings>;
