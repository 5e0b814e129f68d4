import { runService } from '@millrace/kernel/lifecycle';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import { CaptureService } from './capture/service.ts';
import { settings } from './config.ts';

await runService({
  name: 'producers',
  settings,
  build: async ({ config, logger, metrics, releasers }) => {
    const log = createKafkaLog({
      brokers: config.kafkaBrokers,
      clientId: 'millrace-producers',
      appendTimeoutMs: config.appendTimeoutMs,
      logger: logger.child({ component: 'log' }),
    });
    releasers.push('log', () => log.close());
    const registry = await createSchemaRegistry(config.schemaRegistryUrl);
    // The same as AUTO_HEAL=true, for one start by hand.
    const autoHeal = config.autoHeal || process.argv.includes('--auto-heal');
    return new CaptureService({ config: { ...config, autoHeal }, log, registry, logger, metrics });
  },
});
