import { migrate } from '@millrace/database/migrate';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { silentLogger } from '@millrace/kernel/telemetry';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import { topicSpecs, viewTopics } from '@millrace/schemas/topics';
import { createViewCodec } from '@millrace/schemas/views';
import type { CliConfig } from '../config/index.ts';

export interface Prepared {
  /** Migrations that this call applied. */
  readonly applied: readonly string[];
  /** Topics that this call created. */
  readonly topics: readonly string[];
}

/**
 * What deployables expect to be there: the database's tables, every topic, and the schemas of the views.
 * May be called again at any time, by several at once; what is there already stays.
 */
export async function prepare(config: CliConfig): Promise<Prepared> {
  const { applied } = await migrate(config.databaseUrl);
  const log = createKafkaLog({ brokers: config.kafkaBrokers, clientId: 'millrace-prepare', logger: silentLogger() });
  try {
    const { created } = await log.admin.ensureTopics(topicSpecs(config.topicPrefix, config.partitions));
    const registry = await createSchemaRegistry(config.schemaRegistryUrl);
    for (const topic of viewTopics) await createViewCodec(registry, config.topicPrefix + topic);
    return { applied, topics: created };
  } finally {
    await log.close();
  }
}
