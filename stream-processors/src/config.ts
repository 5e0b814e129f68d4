import { connectionSettings, environment, namingSettings, serviceSettings, setting, z } from '@millrace/kernel/config';
import type { ConfigOf } from '@millrace/kernel/config';
import { partitionsSetting } from '@millrace/schemas/topics';

const { MILLRACE_HOME = '.millrace' } = environment();

/** Which of the tasks are this process's. */
export type PlacementSettings =
  | { readonly by: 'group' }
  /** Every `instances`-th task, from number `instance` on. */
  | { readonly by: 'share'; readonly instance: number; readonly instances: number };

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
  placement: setting(
    'PLACEMENT',
    z
      .string()
      .default('1/1')
      .transform((text, context): PlacementSettings => {
        if (text === 'group') return { by: 'group' };
        const [, instance, instances] = /^(\d+)\/(\d+)$/.exec(text)?.map(Number) ?? [];
        if (instance !== undefined && instances !== undefined && instance >= 1 && instance <= instances) {
          return { by: 'share', instance: instance - 1, instances };
        }
        context.addIssue({ code: 'custom', message: 'must be group, or a share such as 2/3' });
        return z.NEVER;
      }),
    'Which tasks this process runs: `group` shares them with every process that says so, as they come and go; `2/3` is the second of three fixed shares',
  ),
  standbyReplicas: setting(
    'STANDBY_REPLICAS',
    z.coerce.number().int().min(0).default(0),
    'With PLACEMENT=group: how many other processes keep a warm copy of each task’s state, so that one of them takes over without reading its whole log',
  ),
  stateFolder: setting(
    'STATE_DIR',
    z.string().min(1).default(`${MILLRACE_HOME}/data/state`),
    'Folder of this process for snapshots of its tasks’ state, which make restarts faster; it may be lost at any time',
  ),
  stateSnapshotSeconds: setting(
    'STATE_SNAPSHOT_SECONDS',
    z.coerce.number().min(0).default(60),
    'Least time between two snapshots of a task; 0: none, and none is read',
  ),
  stateSnapshotRecords: setting(
    'STATE_SNAPSHOT_RECORDS',
    z.coerce.number().int().min(1).default(10_000),
    'None is taken before a restart would read so many records of the changelog',
  ),
  stateMemoryMb: setting(
    'STATE_MEMORY_MB',
    z.coerce.number().min(0).default(256),
    'Memory for the values of this process’s state, in MB of JSON: what was not asked for lately lies in STATE_DIR beyond it; 0: all stays in memory',
  ),
  ...serviceSettings(9402),
} as const;

export type Config = ConfigOf<typeof settings>;
