import { Kafka, logLevel, type KafkaConfig, type LogEntry, type logLevel as KafkajsLevel } from 'kafkajs';
import type { Logger } from '../telemetry/index.ts';

export interface KafkajsOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly logger: Logger;
  readonly ssl?: Exclude<KafkaConfig['ssl'], undefined>;
  readonly sasl?: Exclude<KafkaConfig['sasl'], undefined>;
}

/**
 * kafkajs logs errors it goes on to retry at ERROR. What in the end fails is thrown, and logged by whoever catches it; so its own log is
 * for debugging only.
 */
export function kafkajsLogCreator(logger: Logger): (level: KafkajsLevel) => (entry: LogEntry) => void {
  return () =>
    ({ level, namespace, log }) => {
      logger[level <= logLevel.WARN ? 'debug' : 'trace']({ ...log, namespace }, log.message);
    };
}

export function createKafkajs({ brokers, clientId, logger, ssl, sasl }: KafkajsOptions): Kafka {
  return new Kafka({
    brokers: [...brokers],
    clientId,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
    logLevel: logLevel.WARN,
    logCreator: kafkajsLogCreator(logger),
    retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 8 },
  });
}
