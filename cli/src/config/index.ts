import { connectionSettings, environment, namingSettings, setting, z } from '@millrace/kernel/config';
import type { ConfigOf } from '@millrace/kernel/config';
import { partitionsSetting } from '@millrace/schemas/topics';

const { API_PORT = '8080', REALTIME_PORT = '8090' } = environment();

/** What the operator's command reads from the environment. */
export const cliSettings = {
  ...connectionSettings,
  ...namingSettings,
  partitions: partitionsSetting,
  apiUrl: setting('API_URL', z.url().default(`http://127.0.0.1:${API_PORT}`), 'The API'),
  realtimeUrl: setting('REALTIME_URL', z.url().default(`ws://127.0.0.1:${REALTIME_PORT}/rt`), 'The realtime gateway'),
  sinksUrl: setting('SINKS_URL', z.url().default('http://127.0.0.1:9403'), 'Health port of the sinks'),
  processorsUrls: setting(
    'PROCESSORS_URLS',
    z
      .string()
      .default('http://127.0.0.1:9402')
      .transform((text) => text.split(',').map((url) => url.trim().replace(/\/$/, ''))),
    'Health ports of the stream processors, separated by commas',
  ),
  producersUrl: setting('PRODUCERS_URL', z.url().default('http://127.0.0.1:9401'), 'Health port of the producers'),
} as const;

export type CliConfig = ConfigOf<typeof cliSettings>;
