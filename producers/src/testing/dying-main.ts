import { environment } from '@millrace/kernel/config';
import { runService } from '@millrace/kernel/lifecycle';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import { CaptureService } from '../capture/service.ts';
import { settings } from '../config.ts';
import { dying } from './dying.ts';
import type { DyingMoment } from './dying.ts';

/** The deployable as it is, but for a moment at which it kills itself. */
await runService({
  name: 'producers',
  settings,
  build: async ({ config, logger, metrics, releasers }) => {
    const { DIES_WHEN, DIES_AT } = environment();
    const log = createKafkaLog({
      brokers: config.kafkaBrokers,
      clientId: 'millrace-producers',
      appendTimeoutMs: config.appendTimeoutMs,
      logger,
    });
    releasers.push('log', () => log.close());
    const moment = { when: DIES_WHEN as DyingMoment['when'], at: Number(DIES_AT) };
    const registry = await createSchemaRegistry(config.schemaRegistryUrl);
    return new CaptureService({ config, ...dying(moment, log, registry), logger, metrics });
  },
});
