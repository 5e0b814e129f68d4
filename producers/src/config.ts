import { connectionSettings, environment, namingSettings, serviceSettings, setting, z } from '@millrace/kernel/config';
import type { ConfigOf } from '@millrace/kernel/config';
import { declarationSetting } from './declaration/index.ts';
import { LEAST_DAYS } from './retention/index.ts';
import { partitionsSetting } from '@millrace/schemas/topics';

const { MILLRACE_HOME = '.millrace' } = environment();

export const settings = {
  databaseUrl: connectionSettings.databaseUrl,
  kafkaBrokers: connectionSettings.kafkaBrokers,
  schemaRegistryUrl: connectionSettings.schemaRegistryUrl,
  topicPrefix: namingSettings.topicPrefix,
  slotName: namingSettings.slotName,
  publicationName: namingSettings.publicationName,
  partitions: partitionsSetting,
  outboxTable: setting(
    'OUTBOX_TABLE',
    z.string().default('commerce.outbox_events'),
    'Outbox whose rows become events.* records, schema.table; none where there is none',
  ),
  captureTables: declarationSetting,
  sourceEpoch: setting(
    'SOURCE_EPOCH',
    z.coerce.number().int().min(0).max(127).default(0),
    "Raise it by one when the source's history was replaced (restored from a backup, another cluster)",
  ),
  heartbeatMs: setting(
    'HEARTBEAT_MS',
    z.coerce.number().int().min(100).max(60_000).default(1_000),
    'Without a commit for so long, the producer commits a small message of its own, so that positions advance',
  ),
  sourceSilenceMs: setting(
    'SOURCE_SILENCE_MS',
    z.coerce.number().int().min(1_000).default(60_000),
    'Postgres says nothing for so long: its connection is taken for dead (a network that drops everything looks like that)',
  ),
  maxInFlightBytes: setting(
    'MAX_IN_FLIGHT_BYTES',
    z.coerce.number().int().min(1_048_576).default(16_777_216),
    'Bytes sent to the log and not acknowledged at which reading from Postgres pauses',
  ),
  appendTimeoutMs: setting(
    'APPEND_TIMEOUT_MS',
    z.coerce.number().int().min(1_000).max(86_400_000).default(1_800_000),
    'Kafka may be away or stand still for so long while Postgres keeps its connection; beyond, the producer ends and its successor goes on',
  ),
  snapshotConnections: setting(
    'SNAPSHOT_CONNECTIONS',
    z.coerce.number().int().min(1).max(16).default(2),
    'Connections that the first snapshot copies tables with, at the same time',
  ),
  snapshotRowsPerSecond: setting(
    'SNAPSHOT_ROWS_PER_SECOND',
    z.coerce.number().int().min(0).default(0),
    'Most rows a second that the first snapshot copies; 0 is as fast as the log takes them',
  ),
  resnapshotChunkRows: setting(
    'RESNAPSHOT_CHUNK_ROWS',
    z.coerce.number().int().min(1).max(50_000).default(2_000),
    'Most rows that a re-snapshot reads, and publishes in one commit, at once',
  ),
  resnapshotRowsPerSecond: setting(
    'RESNAPSHOT_ROWS_PER_SECOND',
    z.coerce.number().int().min(0).default(0),
    'Most rows a second that a re-snapshot reads; 0 is as fast as the log takes them',
  ),
  autoHeal: setting(
    'AUTO_HEAL',
    z.stringbool().default(false),
    'Whether a lost, invalidated or foreign slot is healed by a new snapshot of every table without asking',
  ),
  slotFailover: setting(
    'SLOT_FAILOVER',
    z.stringbool().default(false),
    'Whether Postgres (17 and later) keeps the slot on the standbys too, so that a promoted one goes on with it',
  ),
  walBudgetBytes: setting(
    'WAL_BUDGET_BYTES',
    z.coerce.number().int().min(0).default(0),
    'WAL the slot may retain: alarms at 50 % and 80 %. 0 takes max_slot_wal_keep_size, or 10 GiB where that is unlimited',
  ),
  slotCheckMs: setting(
    'SLOT_CHECK_MS',
    z.coerce.number().int().min(100).max(600_000).default(5_000),
    'How often the slot is looked at for metrics and alarms',
  ),
  streamInProgress: setting(
    'STREAM_IN_PROGRESS',
    z.enum(['on', 'off']).default('on'),
    'Whether Postgres sends large transactions before their end; off: it keeps them itself until they commit',
  ),
  wireFormat: setting(
    'WIRE_FORMAT',
    z.enum(['auto', 'text']).default('auto'),
    'How rows come from Postgres; auto: in binary form where that of every captured column is proven, else as text',
  ),
  spoolFolder: setting(
    'SPOOL_FOLDER',
    z.string().min(1).default(`${MILLRACE_HOME}/data/spool`),
    'Folder for transactions that were sent and have not ended',
  ),
  spoolMaxBytes: setting(
    'SPOOL_MAX_BYTES',
    z.coerce.number().int().min(0).default(8_589_934_592),
    'Most bytes of them; beyond, Postgres is asked to keep them itself',
  ),
  behaviourRetentionDays: setting(
    'BEHAVIOUR_RETENTION_DAYS',
    z.coerce
      .number()
      .int()
      .min(0)
      .refine((days) => days === 0 || days >= LEAST_DAYS, `at least ${LEAST_DAYS}, or 0`)
      .default(0),
    'Sessions in which nothing came for so many days are thrown away from commerce.behaviour_events; 0 keeps them for ever',
  ),
  ...serviceSettings(9401),
} as const;

export type ProducersConfig = ConfigOf<typeof settings>;
