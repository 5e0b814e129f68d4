import { runService } from '@millrace/kernel/lifecycle';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import { realtimeSettings, startGateway } from './gateway/index.ts';

await runService({
  name: 'realtime',
  settings: realtimeSettings,
  build: async ({ config, logger, metrics, releasers }) => {
    const log = createKafkaLog({ brokers: config.kafkaBrokers, clientId: 'millrace-realtime', logger });
    releasers.push('log', () => log.close());
    return startGateway({
      ...config,
      authSecret: config.authSecret.reveal(),
      log,
      registry: () => createSchemaRegistry(config.schemaRegistryUrl),
      logger,
      metrics,
    });
  },
});
