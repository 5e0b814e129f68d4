import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from 'pg';
import { withConnection } from '@millrace/database/connection';
import { migrate } from '@millrace/database/migrate';
import type { LogClient, TopicPartition } from '@millrace/kernel/log';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { silentLogger } from '@millrace/kernel/telemetry';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import type { SchemaRegistry } from '@millrace/schemas/registry';

/** The engines that a campaign uses. */
export interface ChaosEngines {
  readonly databaseUrl: string;
  readonly kafkaBrokers: readonly string[];
  readonly schemaRegistryUrl: string;
}

/** Where a campaign takes place: a migrated database, a slot and topics of its own on running engines. */
export interface ChaosPlace {
  readonly databaseUrl: string;
  readonly log: LogClient;
  readonly registry: SchemaRegistry;
  readonly topicPrefix: string;
  readonly slotName: string;
  readonly partitionCount: number;
  /** Variables of a producer that captures this database. */
  readonly environment: Readonly<Record<string, string>>;
  /** Every partition of the topics there are now. */
  partitions(): Promise<TopicPartition[]>;
  /** Removes all of it. */
  close(): Promise<void>;
}

const PARTITIONS = 2;

export async function openPlace(engines: ChaosEngines, name: string): Promise<ChaosPlace> {
  const url = new URL(engines.databaseUrl);
  url.pathname = `/${name}`;
  await withConnection(engines.databaseUrl, (client) => client.query(`create database ${name}`));
  await migrate(url.href);
  const log = createKafkaLog({ brokers: engines.kafkaBrokers, clientId: name, logger: silentLogger() });
  const topicPrefix = `${name}.`;
  const spool = await mkdtemp(join(tmpdir(), `${name}-`));
  const ownTopics = async () => (await log.admin.listTopics()).filter((topic) => topic.startsWith(topicPrefix));
  return {
    databaseUrl: url.href,
    log,
    registry: await createSchemaRegistry(engines.schemaRegistryUrl),
    topicPrefix,
    slotName: name,
    partitionCount: PARTITIONS,
    environment: {
      DATABASE_URL: url.href,
      KAFKA_BROKERS: engines.kafkaBrokers.join(','),
      SCHEMA_REGISTRY_URL: engines.schemaRegistryUrl,
      TOPIC_PREFIX: topicPrefix,
      SLOT_NAME: name,
      PARTITIONS: String(PARTITIONS),
      HEALTH_PORT: '0',
      SPOOL_FOLDER: spool,
      LOG_LEVEL: 'info',
    },
    async partitions() {
      const topics = await ownTopics();
      const found = topics.map(async (topic) =>
        (await log.admin.offsets(topic)).map(({ partition }) => ({ topic, partition })),
      );
      return (await Promise.all(found)).flat();
    },
    async close() {
      await withConnection(engines.databaseUrl, (client) => dropDatabase(client, name));
      await log.admin.deleteTopics(await ownTopics());
      await log.close();
      await rm(spool, { recursive: true, force: true });
    },
  };
}

/** A slot keeps its database: whoever holds it is ended first. */
async function dropDatabase(client: Client, name: string): Promise<void> {
  await client.query(
    'select pg_terminate_backend(active_pid, 5000) from pg_replication_slots where database = $1 and active',
    [name],
  );
  await client.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1', [
    name,
  ]);
  await client.query(`drop database if exists ${name} with (force)`);
}
