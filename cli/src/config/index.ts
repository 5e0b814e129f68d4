import { connectionSettings, namingSettings, setting, z } from '@millrace/kernel/config';
import type { ConfigOf } from '@millrace/kernel/config';
import { DEFAULT_PARTITIONS } from '@millrace/schemas/topics';

/** What the operator's command reads from the environment. */
export const cliSettings = {
  ...connectionSettings,
  ...namingSettings,
  partitions: setting(
    'PARTITIONS',
    z.coerce.number().int().min(1).max(1024).default(DEFAULT_PARTITIONS),
    'Partitions of every keyed topic',
  ),
  apiUrl: setting('API_URL', z.url().default('http://127.0.0.1:8080'), 'The API'),
  realtimeUrl: setting('REALTIME_URL', z.url().default('ws://127.0.0.1:8090/rt'), 'The realtime gateway'),
  producersUrl: setting('PRODUCERS_URL', z.url().default('http://127.0.0.1:9401'), 'Health port of the producers'),
} as const;

export type CliConfig = ConfigOf<typeof cliSettings>;
