import type { Group, GroupOptions } from '@millrace/kernel/group';
import { runService } from '@millrace/kernel/lifecycle';
import { createKafkaGroup, createKafkaLog } from '@millrace/kernel/log-kafka';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import { settings } from './config.ts';
import { ProcessingService } from './service/service.ts';

await runService({
  name: 'stream-processors',
  settings,
  build: async ({ config, logger, metrics, releasers }) => {
    const kafka = {
      brokers: config.kafkaBrokers,
      clientId: 'millrace-stream-processors',
      logger: logger.child({ component: 'log' }),
    };
    const log = createKafkaLog(kafka);
    releasers.push('log', () => log.close());
    const registry = await createSchemaRegistry(config.schemaRegistryUrl);
    const joinGroup = (options: GroupOptions): Group => createKafkaGroup(kafka, options);
    return new ProcessingService({ config, log, registry, logger, metrics, joinGroup });
  },
});
