import { connectionSettings, namingSettings, serviceSettings, setting, z } from '@millrace/kernel/config';
import type { ConfigOf } from '@millrace/kernel/config';
import { partitionsSetting } from '@millrace/schemas/topics';

export const settings = {
  kafkaBrokers: connectionSettings.kafkaBrokers,
  schemaRegistryUrl: connectionSettings.schemaRegistryUrl,
  topicPrefix: namingSettings.topicPrefix,
  partitions: partitionsSetting,
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
