import { connectionSettings, namingSettings, serviceSettings, setting, z } from '@millrace/kernel/config';
import type { ConfigOf } from '@millrace/kernel/config';
import { DEFAULT_PARTITIONS } from '@millrace/schemas/topics';

export const settings = {
  kafkaBrokers: connectionSettings.kafkaBrokers,
  schemaRegistryUrl: connectionSettings.schemaRegistryUrl,
  topicPrefix: namingSettings.topicPrefix,
  partitions: setting(
    'PARTITIONS',
    z.coerce.number().int().min(1).max(1024).default(DEFAULT_PARTITIONS),
    'Partitions of every keyed topic; fixed once the topics exist',
  ),
  processors: setting(
    'PROCESSORS',
    z
      .string()
      .default('')
      .transform((text) =>
        text
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== ''),
      ),
    'Processors this process runs, separated by commas; empty for all',
  ),
  ...serviceSettings(9402),
} as const;

export type Config = ConfigOf<typeof settings>;
