import type { Service, ServiceContext } from '@millrace/kernel/lifecycle';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { GenerationFollower } from '@millrace/schemas/generations';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import type { SinksConfig } from './config.ts';
import { StoreFollower } from './generations/index.ts';
import { SinkRunner, sinkMetrics } from './runner/index.ts';
import { sinksService } from './sinks-service.ts';
import { storeKinds } from './store-kinds.ts';

/** The deployable: every chosen store with all generations of its views, in this process. */
export async function buildSinks({
  config,
  logger,
  metrics,
  releasers,
}: ServiceContext<SinksConfig>): Promise<Service> {
  const { topicPrefix } = config;
  const log = createKafkaLog({ brokers: config.kafkaBrokers, clientId: 'millrace-sinks', logger });
  releasers.push('log', () => log.close());
  const registry = await createSchemaRegistry(config.schemaRegistryUrl);
  const shared = sinkMetrics(metrics);
  const stores = config.sinks.map((name) => {
    const { views, create, generations, limits } = storeKinds[name];
    return new StoreFollower({
      store: name,
      views,
      createSink: (generation, its) => create(config, generation, its),
      createRunner: (sink, viewLog, pace) =>
        new SinkRunner({
          sink,
          limits: limits(config),
          log,
          registry,
          topicPrefix,
          viewLog,
          logger: logger.child({ component: sink.name }),
          metrics: shared,
          ...(pace === null ? {} : { pace }),
        }),
      generations: generations(config),
      logger,
    });
  });
  const follower = new GenerationFollower({
    log,
    registry,
    topicPrefix,
    logger,
    onRows: (rows) => {
      for (const store of stores) store.follow(rows);
    },
  });
  return sinksService(stores, follower);
}
