import { runService } from '@millrace/kernel/lifecycle';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import { settings } from './config.ts';
import { ProcessingService } from './service/service.ts';

await runService({
  name: 'stream-processors',
  settings,
  build: async ({ config, logger, metrics, releasers }) => {
    const log = createKafkaLog({
      brokers: config.kafkaBrokers,
      clientId: 'millrace-stream-processors',
      logger: logger.child({ component: 'log' }),
    });
    releasers.push('log', () => log.close());
    const registry = await createSchemaRegistry(config.schemaRegistryUrl);
    return new ProcessingService({ config, log, registry, logger, metrics });
  },
});
